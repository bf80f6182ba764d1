// Tables that a click on a column's head sorts. A column: { id, label, keyOf(row), descends: whether the first click puts the largest first }.
import { humanCount } from './format.js';

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

// Rows that are equal by the column stay in order of tieOf, or as they were.
export function sortRows(rows, columns, { column, descends }, tieOf = () => 0) {
  const { keyOf } = columns.find(({ id }) => id === column);
  const sign = descends ? -1 : 1;
  return [...rows].sort((a, b) => sign * compare(keyOf(a), keyOf(b)) || compare(tieOf(a), tieOf(b)));
}

function HeadCell({ column, sort, onSort }) {
  const isSorted = sort.column === column.id;
  const direction = isSorted ? (sort.descends ? 'descending' : 'ascending') : 'none';
  const next = { column: column.id, descends: isSorted ? !sort.descends : Boolean(column.descends) };
  return (
    <th scope="col" aria-sort={direction} class={`cell-${column.id}`}>
      <button type="button" class="sort" onClick={() => onSort(next)}>
        {column.label}
        <span aria-hidden="true">{isSorted ? (sort.descends ? ' ▼' : ' ▲') : ''}</span>
      </button>
    </th>
  );
}

export const SortHead = ({ columns, sort, onSort }) => (
  <thead><tr>{columns.map((column) => <HeadCell key={column.id} column={column} sort={sort} onSort={onSort} />)}</tr></thead>
);

export const FIRST_ROWS = 25;
const MORE_ROWS = 100;

// The button for more rows than are shown; nothing where there are none.
export const MoreRows = ({ count, most, onMore }) =>
  count > most && (
    <button type="button" class="more" onClick={() => onMore(most + MORE_ROWS)}>
      Show {Math.min(MORE_ROWS, count - most)} more of {humanCount(count - most)}
    </button>
  );
