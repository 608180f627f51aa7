// The row of pages at the top of each goes on beyond the edge of a phone: it starts with the link to this page in view.

/** See to that where the browser knows no `scroll-initial-target`; nothing else of the page moves. */
export function showWhichPage() {
  const link = document.querySelector(".top nav [aria-current]");
  if (!link || CSS.supports("scroll-initial-target", "nearest")) return;
  const row = link.parentElement;
  const [{ left, right }, edge] = [link.getBoundingClientRect(), row.getBoundingClientRect()];
  const faded = parseFloat(getComputedStyle(row).paddingInlineEnd);
  if (right > edge.right - faded) row.scrollLeft += right - edge.right + faded;
  else if (left < edge.left + faded) row.scrollLeft += left - edge.left - faded; // in a page from right to left
}
