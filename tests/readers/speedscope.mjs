// Reads files as speedscope's own page does: node speedscope.mjs NODE_MODULES FILE... prints [[{name, unit, total, stacks}]] as JSON.
//
// The package has the page's script alone. It runs here with nothing behind its document, and hands out the function that imports a file.
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import vm from 'node:vm';

const [modules, ...files] = process.argv.slice(2);
const folder = join(modules, 'speedscope', 'dist', 'release');
const script = readFileSync(join(folder, readdirSync(folder).find((name) => /^speedscope-.*\.js$/.test(name))), 'utf8');
const importer = script.match(/async function \w+\(\w+,\w+\)\{return\(await (\w+)\)\.importProfileGroupFromBase64/);
if (!importer) throw new Error('another version of speedscope: where is its importer?');
const patched = script.replace(
  importer[0],
  () => `globalThis.readProfiles=(name,text)=>${importer[1]}.then(part=>part.importProfileGroupFromBase64(name,text));${importer[0]}`,
);

const nothing = () =>
  new Proxy(function () {}, {
    get: (_, key) => (key === Symbol.toPrimitive ? () => '' : key === Symbol.iterator ? [][Symbol.iterator] : key === 'then' ? undefined : nothing()),
    apply: nothing,
    construct: nothing,
    set: () => true,
  });
const page = { atob, performance, setTimeout, clearTimeout, TextDecoder, TextEncoder, URL, WebAssembly };
page.console = { log() {}, warn() {}, error() {} };
for (const name of ['document', 'location', 'navigator', 'localStorage', 'matchMedia', 'HTMLElement']) page[name] = nothing();
for (const name of ['requestAnimationFrame', 'addEventListener']) page[name] = () => {};
page.window = page.self = page;
vm.createContext(page);
try {
  vm.runInContext(patched, page);
} catch {
  // its page cannot be drawn here; what imports is there already
}

// Of every call of which nothing was called.
function stacksOf(profile) {
  const stacks = [];
  const open = [];
  let innermost = false;
  profile.forEachCall(
    (node) => {
      open.push(node.frame.name);
      innermost = true;
    },
    () => {
      if (innermost) stacks.push([...open]);
      open.pop();
      innermost = false;
    },
  );
  return stacks;
}

const said = [];
for (const file of files) {
  const group = await page.readProfiles(basename(file), readFileSync(file).toString('base64'));
  said.push(
    group.profiles.map((profile) => ({
      name: profile.getName(),
      unit: profile.getWeightUnit(),
      total: profile.getTotalWeight(),
      stacks: stacksOf(profile),
    })),
  );
}
console.log(JSON.stringify(said));
