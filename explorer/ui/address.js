// Writes what a page's controls are set to into the browser's address.
// replaceState makes no entry in the history: Back leaves the page, and finds it again as it was left.
export default function ({ data, parentElement }) {
  tellWhatIsGone(data, parentElement);
  const name = window.location.pathname.split("/").pop();
  // The visitor may have gone to another page since this was sent: its address is not ours to write.
  if (data.page ? name !== data.page : data.pages.includes(name)) return;
  const search = new URLSearchParams(window.location.search);
  for (const key of data.keys) search.delete(key);
  for (const [key, value] of new URLSearchParams(data.query)) search.append(key, value);
  const text = search.size ? `?${search}` : "";
  if (text !== window.location.search) {
    window.history.replaceState(window.history.state, "", window.location.pathname + text + window.location.hash);
  }
  // Inside a frame the visible address is the outer page's: Streamlit's own message asks for it to follow.
  if (window.parent !== window) {
    window.parent.postMessage({ stCommVersion: 1, type: "SET_QUERY_PARAM", queryParams: text }, "*");
  }
}

// A tab whose session is another one than before (its server was stopped, or the page was loaded again) is told what
// went with it. The tab itself remembers that, since no server does.
function tellWhatIsGone({ session, held }, place) {
  let gone = "";
  try {
    const before = JSON.parse(sessionStorage.getItem("session") ?? "{}");
    gone = (before.session !== session && before.held) || before.gone || "";
    if (gone === held) gone = ""; // a link or a file has brought it back
    sessionStorage.setItem("session", JSON.stringify({ session, held, gone }));
  } catch {
    // A browser that keeps nothing for a page has nothing to tell.
  }
  const row = place.closest('[data-testid="stElementContainer"]');
  if (row) row.style.display = gone ? "" : "none";
  place.replaceChildren();
  if (!gone) return;
  const sentence = document.createElement("div");
  sentence.role = "status";
  sentence.style.cssText =
    "display: flex; gap: 1rem; align-items: center; justify-content: space-between; padding: 0.75rem 1rem;" +
    "border-radius: var(--st-base-radius); color: var(--st-yellow-text-color);" +
    "background: var(--st-yellow-background-color); font-family: var(--st-font)";
  sentence.textContent =
    `The session that you were in has ended, and with it went ${gone}. The page shows what its address holds.`;
  const close = document.createElement("button");
  close.textContent = "Close";
  close.style.cssText =
    "border: 1px solid; border-radius: var(--st-button-radius); padding: 0.25rem 0.75rem; color: inherit;" +
    "background: transparent";
  close.onclick = () => {
    sessionStorage.setItem("session", JSON.stringify({ session, held }));
    row.style.display = "none";
  };
  sentence.append(close);
  place.append(sentence);
}
