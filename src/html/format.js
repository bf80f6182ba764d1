// Figures as a person reads them, like `weir show` (src/cli/format.cpp).

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

export const humanCount = (count) => String(count).replace(/\B(?=(\d{3})+(?!\d))/g, ',');

export function humanBytes(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1023.95 && unit + 1 < UNITS.length; ++unit) value /= 1024;
  return `${value.toFixed(value < 99.95 ? 1 : 0)} ${UNITS[unit]}`;
}

export function humanDuration(ns) {
  const seconds = ns / 1e9;
  if (seconds < 1e-3) return `${(seconds * 1e6).toFixed(0)} µs`;
  if (seconds < 1) return `${(seconds * 1e3).toFixed(1)} ms`;
  if (seconds < 120) return `${seconds.toFixed(2)} s`;
  const whole = Math.floor(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor(whole / 60) % 60} min`;
}

export const plural = (count, noun) => `${humanCount(count)} ${noun}${count === 1 ? '' : 's'}`;

export function percent(part, whole) {
  if (whole === 0) return '0 %';
  const share = (100 * part) / whole;
  return `${share.toFixed(share < 9.95 ? 1 : 0)} %`;
}
