// Let long names in tables break after an underscore, so that the tables fit narrow screens.
for (const code of document.querySelectorAll(".md-typeset td:first-child code")) {
  const parts = code.textContent.split(/(?<=_)/);
  code.replaceChildren(...parts.flatMap((part, index) => (index ? [document.createElement("wbr"), part] : [part])));
}
