// Writes what a page's controls are set to into the browser's address.
// replaceState makes no entry in the history: Back leaves the page, and finds it again as it was left.
export default function ({ data, parentElement }) {
  const row = parentElement.closest('[data-testid="stElementContainer"]');
  if (row) row.style.display = "none";
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
