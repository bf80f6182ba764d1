// Dark or light: as the system has it, unless the reader says otherwise.
import { useEffect, useState } from 'preact/hooks';

const KEY = 'weir-theme';
const THEMES = [['system', 'System'], ['light', 'Light'], ['dark', 'Dark']];

// A page from a file may have no storage.
function remembered() {
  try {
    return localStorage.getItem(KEY) ?? 'system';
  } catch {
    return 'system';
  }
}

function remember(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // it holds for this time
  }
}

export function ThemeSwitch() {
  const [theme, setTheme] = useState(remembered);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const choose = (event) => {
    setTheme(event.currentTarget.value);
    remember(event.currentTarget.value);
  };
  return (
    <label class="theme" for="theme">
      <span>Theme</span>
      <select id="theme" value={theme} onChange={choose}>
        {THEMES.map(([id, label]) => <option key={id} value={id}>{label}</option>)}
      </select>
    </label>
  );
}
