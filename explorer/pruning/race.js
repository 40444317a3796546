// The networks replayed at their measured milliseconds: in each lane the photographs that are through light up.
// Python hands over how long each takes for all of them and how it comes in; here only time passes.
const races = new WeakMap(); // by the element that Streamlit gives the component: a rerun must not start it anew
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function build(root, data) {
  const lanes = data.lanes.map((lane) => {
    const node = element("div", "lane");
    const name = element("div", "name");
    const track = element("div", "track");
    const count = element("div", "count");
    node.dataset.lane = lane.name;
    node.style.setProperty("--lane", lane.color);
    name.append(element("strong", "", lane.name), element("span", "", lane.each), element("span", "", lane.right));
    track.append(element("div", "sheet waiting"), element("div", "sheet through"), element("div", "runner"));
    track.setAttribute("role", "img");
    track.setAttribute("aria-label", `${lane.name}: ${lane.each}, ${lane.right}; ${lane.finish}`);
    count.append(element("strong"), element("span"));
    node.append(name, track, count);
    return node;
  });
  const place = root.querySelector("#lanes");
  place.className = data.grey ? "grey" : "";
  place.style.setProperty("--sheet", `url("${data.sheet}")`);
  place.style.setProperty("--columns", data.columns);
  place.style.setProperty("--rows", data.rows);
  place.replaceChildren(...lanes);
  const speeds = data.speeds.map((times) => {
    const option = element("option", "", times === 1 ? "as measured" : `slowed ${times} times`);
    option.value = times;
    return option;
  });
  root.querySelector("#slowed").replaceChildren(...speeds);
}

function draw(root, data, race) {
  const whole = Math.max(...data.lanes.map((lane) => lane.ms));
  const over = race.ms >= whole;
  root.querySelectorAll(".lane").forEach((node, which) => {
    const lane = data.lanes[which];
    const done = Math.min(1, race.ms / lane.ms);
    node.style.setProperty("--done", `${100 * done}%`);
    node.dataset.done = done;
    // A batch is through as a whole; only the light moves evenly.
    const images = done < 1 ? Math.floor((done * data.images) / data.batch + 1e-9) * data.batch : data.images;
    const [first, second] = node.querySelector(".count").children;
    first.textContent = done < 1 ? `${images} of ${data.images}` : lane.finish;
    second.textContent = done < 1 ? "through" : "";
  });
  root.querySelector("#clock").textContent = `${Math.min(race.ms, whole).toPrecision(3)} ms have passed`;
  root.querySelector("#start").textContent = race.runs ? "❚❚ Pause" : over ? "↻ Again" : race.ms ? "▶ Go on" : "▶ Start";
  const verdict = root.querySelector("#verdict");
  const said = over ? data.verdict : "";
  if (verdict.textContent !== said) verdict.textContent = said; // else it would be read out at every frame
  return over;
}

export default function (component) {
  const { data, parentElement: root } = component;
  let race = races.get(root);
  const begins = !race || race.of !== data.of;
  if (begins) {
    if (race) cancelAnimationFrame(race.frame);
    race = { of: data.of, ms: 0, runs: false, frame: 0, last: 0 };
    races.set(root, race);
    build(root, data);
    root.querySelector("#slowed").value = data.slowed;
  }
  const slowed = () => Number(root.querySelector("#slowed").value);
  const frame = (now) => {
    if (!root.isConnected) return;
    race.ms += (now - race.last) / slowed();
    race.last = now;
    race.runs = !draw(root, data, race);
    if (race.runs) race.frame = requestAnimationFrame(frame);
    else draw(root, data, race);
  };
  const go = () => {
    if (still()) {
      race.ms = Infinity; // nothing moves: it is over at once
      draw(root, data, race);
      return;
    }
    race.runs = true;
    race.last = performance.now();
    race.frame = requestAnimationFrame(frame);
  };
  root.querySelector("#start").onclick = () => {
    if (race.runs) {
      cancelAnimationFrame(race.frame);
      race.runs = false;
    } else {
      if (race.ms >= Math.max(...data.lanes.map((lane) => lane.ms))) race.ms = 0;
      go();
    }
    draw(root, data, race);
  };
  draw(root, data, race);
  if (begins) {
    // It starts by itself once it can be seen.
    const seen = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      seen.disconnect();
      if (!race.ms && !race.runs) go();
    }, { threshold: 0.6 });
    seen.observe(root.querySelector("#lanes"));
  }
}
