// The number on the icon of an installed page.

/** Show how much is for the reader; 0 takes the number away. */
export function showOnIcon(count) {
  if (!("setAppBadge" in navigator)) return;
  (count > 0 ? navigator.setAppBadge(count) : navigator.clearAppBadge()).catch(() => {}); // not installed
}
