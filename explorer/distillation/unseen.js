// Two students that were never shown a class, answering as the bias of that class is raised by hand.
// Python hands over what each answers at every step of the raise, and hears where the hand lets go.
const SVG = "http://www.w3.org/2000/svg";
const WIDE = 320;
const HIGH = 230;
const EDGE = { left: 38, right: 10, top: 12, bottom: 34 };

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function drawn(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

const percent = (share) => `${(100 * share).toFixed(1)}%`;

// Of the images of the class, the classes they are taken for at a step, the most frequent first.
function taken(data, student, step) {
  return student.instead[step]
    .map((count, index) => ({ count, index, name: data.classes[index] }))
    .filter((each) => each.count > 0)
    .sort((one, other) => other.count - one.count);
}

function buildStudent(place, data, student) {
  place.style.setProperty("--student", student.color);
  place.style.setProperty("--reference", data.reference);
  const photographs = element("div", "photographs");
  student.margins.forEach((margin, index) => {
    const photograph = element("div", "photograph");
    photograph.style.backgroundImage = `url(${data.photographs})`;
    const count = student.margins.length;
    photograph.style.backgroundSize = `${100 * count}% 100%`;
    photograph.style.backgroundPosition = `${count > 1 ? (100 * index) / (count - 1) : 0}% 0`;
    photographs.append(photograph);
  });
  photographs.setAttribute("role", "img");
  place.replaceChildren(
    element("div", "way", student.way), element("div", "found"), element("div", "all"),
    photographs, element("div", "instead"), element("div", "shares"),
  );
}

function drawStudent(place, data, student, step) {
  const by = data.raises[step];
  const found = student.found[step];
  const big = place.querySelector(".found");
  big.replaceChildren(element("strong", "", `${found} of ${data.members}`), ` found (${percent(found / data.members)})`);
  big.dataset.found = found;
  place.querySelector(".all").textContent =
    `All classes: ${percent(student.right[step] / data.images)} right; ${student.taken[step]} others taken for ${data.name}`;
  const photographs = [...place.querySelectorAll(".photograph")];
  const right = student.margins.map((margin) => margin < by);
  photographs.forEach((photograph, index) => {
    photograph.classList.toggle("right", right[index]);
    photograph.title = right[index] ? `found: ${data.name}` : `taken for ${data.classes[student.others[index]]}`;
  });
  const lit = right.filter(Boolean).length;
  place.querySelector(".photographs").setAttribute(
    "aria-label", `Of the first ${right.length} photographs of the class ${data.name}, ${lit} are found and lit.`,
  );
  const shares = taken(data, student, step);
  place.querySelector(".instead").replaceChildren(...shares.map((each) => {
    const part = element("span", each.index === data.label ? "share right" : "share");
    part.style.width = `${(100 * each.count) / data.members}%`;
    part.title = `${each.name}: ${each.count}`;
    return part;
  }));
  place.querySelector(".shares").textContent =
    `Taken for ${shares.slice(0, 3).map((each) => `${each.name} ${each.count}`).join(", ")}` +
    (shares.length > 3 ? ", others" : "");
}

function buildCurve(place, data) {
  const svg = drawn("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img" });
  const most = data.raises[data.raises.length - 1];
  const x = (by) => EDGE.left + (by / most) * (WIDE - EDGE.left - EDGE.right);
  const y = (share) => HIGH - EDGE.bottom - share * (HIGH - EDGE.top - EDGE.bottom);
  for (const share of [0, 0.5, 1]) {
    svg.append(
      drawn("line", { class: "grid", x1: x(0), x2: x(most), y1: y(share), y2: y(share) }),
      drawn("text", { class: "tick", x: x(0) - 5, y: y(share) + 4, "text-anchor": "end" }, `${100 * share}%`),
    );
  }
  for (let by = 0; by <= most; by += 2) {
    svg.append(drawn("text", { class: "tick", x: x(by), y: HIGH - 18, "text-anchor": "middle" }, String(by)));
  }
  svg.append(drawn("text", { class: "tick", x: x(most / 2), y: HIGH - 3, "text-anchor": "middle" }, "raise of the bias"));
  for (const student of data.students) {
    for (const [counts, total, kind] of [[student.found, data.members, "found"], [student.right, data.images, "all"]]) {
      const points = counts.map((count, step) => `${x(data.raises[step])},${y(count / total)}`).join(" ");
      svg.append(drawn("polyline", { class: kind, points, style: `--student: ${student.color}` }));
    }
  }
  svg.append(drawn("line", { class: "hand", y1: y(1), y2: y(0) }));
  const key = element("div", "key");
  key.append(element("span", "solid", `${data.name} found`), element("span", "dashed", "all classes right"));
  place.replaceChildren(svg, key);
  place.moveTo = (by, said) => {
    const hand = svg.querySelector(".hand");
    hand.setAttribute("x1", x(by));
    hand.setAttribute("x2", x(by));
    svg.setAttribute("aria-label", said);
  };
}

export default function (component) {
  const { data, parentElement: root, setStateValue } = component;
  const slider = root.querySelector("#raise");
  const sides = [...root.querySelectorAll(".student")];
  const nearest = (by) => data.raises.reduce((best, each, step) =>
    Math.abs(each - by) < Math.abs(data.raises[best] - by) ? step : best, 0);
  slider.min = 0;
  slider.max = data.raises.length - 1;
  slider.step = 1;
  // While the hand is on the slider, or what it sent is not yet answered, a rerun must not pull it away.
  if (nearest(data.raised) === Number(slider.dataset.sent)) delete slider.dataset.sent;
  if (!slider.matches(":active") && slider.dataset.sent === undefined) slider.value = nearest(data.raised);
  const sentence = (step) => data.students
    .map((each) => `${each.way}: ${each.found[step]} of ${data.members} found, all classes ${percent(each.right[step] / data.images)}`)
    .join("; ");
  const redraw = () => {
    const step = Number(slider.value);
    const by = data.raises[step];
    root.querySelector("#value").textContent = by.toFixed(1);
    slider.setAttribute("aria-valuetext", `Raised by ${by.toFixed(1)}. ${sentence(step)}`);
    data.students.forEach((student, which) => drawStudent(sides[which], data, student, step));
    root.querySelector("#curve").moveTo(by, `Shares against the raise of the bias; at ${by.toFixed(1)} ${sentence(step)}.`);
    for (const mark of root.querySelectorAll(".mark")) mark.setAttribute("aria-pressed", String(Number(mark.value) === step));
  };
  const go = (step) => {
    slider.value = step;
    slider.dataset.sent = step;
    redraw();
    setStateValue("raised", data.raises[step]);
  };
  slider.oninput = redraw;
  slider.onchange = () => go(Number(slider.value));
  const now = JSON.stringify([data.name, data.raises.length, data.students]);
  if (root.querySelector("#marks").dataset.drawn !== now) {
    root.querySelector("#name").textContent = data.name;
    data.students.forEach((student, which) => buildStudent(sides[which], data, student));
    buildCurve(root.querySelector("#curve"), data);
    const steps = [["as learned", 0], ...data.students.map((each) => [`${each.way}: as often as it occurs`, each.usual])];
    root.querySelector("#marks").replaceChildren(...steps.map(([text, step]) => {
      const mark = element("button", "mark", `${text} (${data.raises[step].toFixed(1)})`);
      mark.type = "button";
      mark.value = step;
      return mark;
    }));
    root.querySelector("#marks").dataset.drawn = now;
  }
  for (const mark of root.querySelectorAll(".mark")) {
    mark.onclick = () => {
      go(Number(mark.value));
      root.querySelector("#said").textContent = sentence(Number(mark.value));
    };
  }
  redraw();
}
