// What the theme's own inline script provides, as a file: the policy of the site allows no inline script.
(() => {
  const scope = new URL(document.currentScript.dataset.base, location);
  if (!scope.pathname.endsWith('/')) scope.pathname += '/';
  window.__md_scope = scope;
  window.__md_hash = (text) => [...text].reduce((hash, letter) => (hash << 5) - hash + letter.charCodeAt(0), 0);
  window.__md_get = (key, storage = localStorage, of = scope) => JSON.parse(storage.getItem(`${of.pathname}.${key}`));
  window.__md_set = (key, value, storage = localStorage, of = scope) => {
    try {
      storage.setItem(`${of.pathname}.${key}`, JSON.stringify(value));
    } catch {
      // Without storage, a choice is forgotten.
    }
  };
  document.documentElement.setAttribute('data-platform', navigator.platform);
})();
