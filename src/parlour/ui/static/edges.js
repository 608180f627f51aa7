// What stands around the messages: older ones, the beginning, that there is nothing yet, the way to the latest. The
// server leaves out the words of what does not hold, because browsers in a terminal know no `hidden`; here they come
// when it does.

/** Shows an edge or hides it; `words()` are its content where it has none yet. */
export function showEdge(node, holds, words) {
  if (holds && !node.hasChildNodes()) node.append(...words());
  node.hidden = !holds;
}

export function jumpButton() {
  const node = document.createElement("button");
  node.id = node.className = "jump";
  node.type = "button";
  node.hidden = true;
  return node;
}

export function link(address, text) {
  const node = document.createElement("a");
  node.href = address;
  node.textContent = text;
  return node;
}

/** A name in bold, with a direction of its own. */
export function bold(name) {
  const node = document.createElement("b");
  node.append(document.createElement("bdi"));
  node.firstChild.textContent = name;
  return node;
}
