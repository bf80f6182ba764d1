// Heap errors, warnings, and the options in effect.
import { useState } from 'preact/hooks';
import { humanCount, plural } from './format.js';
import { Section, StackList } from './parts.jsx';
import { isMerged } from './processes.jsx';

function HeapError({ error, stacks }) {
  return (
    <li class="error">
      <p><strong>{error.text}</strong></p>
      {error.moments.map((moment, i) =>
        moment.node === 0 ? (
          <p key={i} class="note">{moment.text}: the stack is not known{moment.text.includes('freed') ? ' (WEIR_GUARD=on tells)' : ''}</p>
        ) : (
          <details key={i} open={i === 0}>
            <summary>{moment.text}</summary>
            <StackList stacks={stacks} node={moment.node} />
          </details>
        ),
      )}
    </li>
  );
}

export function HeapErrors({ errors, stacks }) {
  if (errors.rows.length + errors.left_out_count === 0) return null;
  return (
    <Section id="errors" title="Heap errors">
      <ul class="errors">{errors.rows.map((error, i) => <HeapError key={i} error={error} stacks={stacks} />)}</ul>
      {errors.left_out_count > 0 && <p class="note">And {humanCount(errors.left_out_count)} more that the report does not list.</p>}
    </Section>
  );
}

export function Warnings({ warnings }) {
  if (warnings.length === 0) return null;
  return (
    <Section id="warnings" title="Warnings" note="What could not be seen, and why.">
      <ul class="warnings">
        {warnings.map(({ text, count }) => <li key={text}>{text}{count > 1 && ` (${humanCount(count)} times)`}</li>)}
      </ul>
    </Section>
  );
}

export function Options({ report }) {
  const { options } = report;
  const changed = options.filter((option) => !option.default);
  const [all, setAll] = useState(changed.length === 0);
  if (options.length === 0) return null;
  const shown = all ? options : changed;
  return (
    <Section id="options" title="Options in effect" note={isMerged(report) && 'Of the first process; a warning names those in which others differ.'}>
      {changed.length > 0 && changed.length < options.length && (
        <label class="check">
          <input type="checkbox" id="all-options" checked={all} onChange={(event) => setAll(event.currentTarget.checked)} />
          {' '}also those at their default ({plural(options.length - changed.length, 'option')})
        </label>
      )}
      <table class="options">
        <thead><tr><th scope="col">Option</th><th scope="col">Value</th></tr></thead>
        <tbody>
          {shown.map(({ name, value, default: isDefault }) => (
            <tr key={name} class={isDefault ? 'default' : 'changed'}>
              <th scope="row"><code>{name}</code></th>
              <td><code>{value === '' ? '(empty)' : value}</code>{isDefault && <span class="note"> default</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}
