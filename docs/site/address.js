// Commands name the address that `make run` has by default. Readers copy them with the address at which they read.
(() => {
  const named = 'http://127.0.0.1:8080';
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (location.origin !== named && texts.nextNode()) {
    const text = texts.currentNode;
    if (text.data.includes(named)) text.data = text.data.replaceAll(named, location.origin);
  }
})();
