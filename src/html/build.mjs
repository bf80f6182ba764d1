// Bundles the report's page: node build.mjs NODE_MODULES OUTPUT.cpp
// The output defines weir::cli::html_template(), the page with a mark where the report goes (src/cli/html_page.h).
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [modules, output] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(join(modules, 'package.json'));
const { buildSync } = require('esbuild');

const BUNDLED = ['preact', 'uplot']; // whose licences the page must carry

function bundle(entry, options) {
  const result = buildSync({
    entryPoints: [join(here, entry)],
    bundle: true,
    minify: true,
    write: false,
    charset: 'ascii',
    legalComments: 'none',
    target: ['chrome123', 'firefox120', 'safari17.5'],
    nodePaths: [modules],
    ...options,
  });
  return result.outputFiles[0].text.trim();
}

// Inline text runs only where its hash is in the page's policy, so what a report brings in never does.
const hashOf = (text) => `sha256-${createHash('sha256').update(text).digest('base64')}`;

function refuse(text, what, patterns) {
  for (const pattern of patterns) {
    if (pattern.test(text)) throw new Error(`${what} has ${pattern}, which would end it in a page`);
  }
}

const script = bundle('main.jsx', { format: 'iife', jsx: 'automatic', jsxImportSource: 'preact' });
const style = bundle('style.css', {});
const licences = BUNDLED.map((name) => `${name}\n${readFileSync(join(modules, name, 'LICENSE'), 'utf8').trim()}`).join('\n\n');
refuse(script, 'the script', [/<\/script/i, /<!--/]);
refuse(style, 'the style', [/<\/style/i]);
refuse(licences, 'a licence', [/-->/]);

const parts = { SCRIPT_HASH: hashOf(script), STYLE_HASH: hashOf(style), STYLE: style, SCRIPT: script, LICENCES: licences };
const page = readFileSync(join(here, 'page.html'), 'utf8').replace(/@([A-Z_]+)@/g, (mark, name) => parts[name] ?? mark);
if (page.split('@WEIR_REPORT@').length !== 2) throw new Error('the page needs the mark of the report once');

const bytes = [...Buffer.from(page, 'utf8')];
const rows = [];
for (let i = 0; i < bytes.length; i += 32) rows.push(bytes.slice(i, i + 32).join(','));
writeFileSync(
  output,
  `#include <string_view>

namespace weir::cli {
namespace {
constexpr unsigned char kPage[] = {
${rows.join(',\n')}};
}
std::string_view html_template();
std::string_view html_template() { return {reinterpret_cast<const char*>(kPage), sizeof kPage}; }
}  // namespace weir::cli
`,
);
