// Applies the remembered colours before the page is drawn.
(() => {
  const palette = window.__md_get('__palette');
  if (!palette?.color) return;
  let { color } = palette;
  if (color.media === '(prefers-color-scheme)') {
    const wanted = matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
    const input = document.querySelector(`[data-md-color-media='(prefers-color-scheme: ${wanted})']`);
    if (!input) return;
    color = Object.fromEntries(
      ['media', 'scheme', 'primary', 'accent'].map((name) => [name, input.getAttribute(`data-md-color-${name}`)]),
    );
  }
  for (const [name, value] of Object.entries(color)) document.body.setAttribute(`data-md-color-${name}`, value);
})();
