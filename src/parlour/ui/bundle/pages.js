/* Made by tools/bundle from ../static, which is the source. */
for(let e of document.querySelectorAll("[data-copy]")){if(!navigator.clipboard)break;let t=document.createElement("button");t.type="button",t.className="copy-once",t.textContent="Copy",t.addEventListener("click",async()=>{await navigator.clipboard.writeText(e.textContent),t.textContent="Copied"}),e.after(t)}
