// What the pages of settings gain by a script: what is shown once can be copied with one press.

for (const text of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break; // over plain HTTP from elsewhere there is none
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy-once";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "Copied";
  });
  text.after(button);
}
