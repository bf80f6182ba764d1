// Small pieces that all sections share.
import { useEffect, useState } from 'preact/hooks';
import { humanBytes, humanCount } from './format.js';

// Bytes to read, exact ones on a closer look.
export const Bytes = ({ value }) => (
  <span class="figure" title={`${humanCount(value)} bytes`}>{humanBytes(value)}</span>
);

export const Section = ({ id, title, note, children }) => (
  <section id={id} aria-labelledby={`${id}-title`}>
    <h2 id={`${id}-title`}>{title}</h2>
    {note && <p class="note">{note}</p>}
    {children}
  </section>
);

// One of a few, by arrow keys too: the browser's own radio buttons.
export function Choice({ name, label, options, value, onChange }) {
  if (options.length < 2) return null;
  return (
    <fieldset class="choice">
      <legend>{label}</legend>
      {options.map((option) => (
        <label key={option.id} title={option.about}>
          <input type="radio" name={name} value={option.id} checked={option.id === value} onChange={() => onChange(option.id)} />
          <span>{option.label}</span>
        </label>
      ))}
    </fieldset>
  );
}

// A text field whose value arrives when the typing pauses.
export function SearchField({ id, label, onSearch }) {
  const [text, setText] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => onSearch(text), 120);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <label class="search" for={id}>
      <span>{label}</span>
      <input
        id={id} type="search" autocomplete="off" spellcheck={false} value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === 'Escape' && setText('')}
      />
    </label>
  );
}

// A stack, innermost first.
export function StackList({ stacks, node }) {
  const lines = stacks.linesOf(node);
  if (lines.length === 0) return <p class="note">The stack is not known.</p>;
  return (
    <ol class="stack">
      {lines.map((line, i) => (
        <li key={i}>
          {stacks.functionOf(line) && <b>{stacks.functionOf(line)}</b>}
          {stacks.inlined[line] ? <i> (inlined)</i> : null} <span class="place">{stacks.placeOf(line)}</span>
        </li>
      ))}
    </ol>
  );
}

export const Swatch = ({ group }) => <span class={`swatch mem-${group}`} aria-hidden="true" />;
