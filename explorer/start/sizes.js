// A photograph, and what networks of ever smaller size say that it shows. Python hands over every network's
// probabilities, and hears the network at which the hand lets go, and the photograph that is pressed.

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}%`;
const whole = (number) => number.toLocaleString("en-US");

function answerOf(network, photograph) {
  const table = network.probabilities[photograph];
  return table.indexOf(Math.max(...table));
}

const isRight = (data, network, photograph) => answerOf(network, photograph) === data.photographs[photograph].label;

function build(root, data, press) {
  const rows = data.classes.map((name) => {
    const row = element("div", "row");
    const track = element("div", "track");
    track.append(element("div", "bar"));
    row.append(element("div", "name", name), track, element("div", "number"));
    return row;
  });
  root.querySelector("#answers").replaceChildren(...rows);
  let next = 0;
  const groups = data.groups.map((group) => {
    const node = element("div", "group", group.title);
    const pictures = element("div", "pictures");
    for (const end = next + group.count; next < end; next += 1) {
      const which = next;
      const button = element("button");
      const image = element("img");
      button.type = "button";
      image.src = data.photographs[which].source;
      image.alt = "";
      button.append(image);
      button.onclick = () => press(which);
      pictures.append(button);
    }
    node.append(pictures);
    return node;
  });
  const place = root.querySelector("#groups");
  // Only when they are others: a button that is pressed keeps the focus.
  const key = data.photographs.map((photograph) => photograph.caption).join();
  if (place.dataset.key !== key) place.replaceChildren(...groups);
  else place.querySelectorAll("button").forEach((button, which) => { button.onclick = () => press(which); });
  place.dataset.key = key;
}

function draw(root, data, shown, which) {
  const network = data.networks[shown];
  const largest = data.networks[0];
  const photograph = data.photographs[which];
  const table = network.probabilities[which];
  const answer = answerOf(network, which);
  const right = answer === photograph.label;
  const times = largest.parameters / network.parameters;
  for (const id of ["answers", "area"]) root.querySelector(`#${id}`).style.setProperty("--bar", network.color);

  const photo = root.querySelector("#photo");
  photo.src = photograph.source;
  photo.alt = `${photograph.caption}, labelled ${data.classes[photograph.label]}`;
  photo.className = right ? "" : "wrong";
  root.querySelector("#verdict").textContent = `${right ? "✓" : "✗"} “${data.classes[answer]}”, ${percent(table[answer], 0)}`;

  root.querySelectorAll("#answers .row").forEach((row, index) => {
    row.classList.toggle("true", index === photograph.label);
    row.querySelector(".bar").style.width = percent(table[index]);
    row.querySelector(".number").textContent = percent(table[index], 0);
  });
  root.querySelector("#answers").setAttribute(
    "aria-label",
    `Label ${data.classes[photograph.label]}; the network says ${data.classes[answer]} with ${percent(table[answer], 0)}.`,
  );

  const side = percent(Math.sqrt(network.parameters / largest.parameters), 2);
  Object.assign(root.querySelector("#square").style, { width: side, height: side });
  const smaller = shown === 0 ? "the largest" : `${times < 10 ? times.toFixed(1) : whole(Math.round(times))} times`;
  const figures = {
    count: whole(network.parameters),
    times: smaller,
    than: shown === 0 ? "of these" : "fewer than the largest",
    right: percent(network.right),
    of: `of ${whole(network.images)} test images right`,
    said: `${network.title}: it calls this ${data.classes[photograph.label]} ${data.classes[answer]}.`,
  };
  for (const [id, text] of Object.entries(figures)) root.querySelector(`#${id}`).textContent = text;
  root.querySelector("#area").setAttribute(
    "aria-label",
    `Parameters as an area, within that of the largest network: ${whole(network.parameters)} of ${whole(largest.parameters)}.`,
  );

  root.querySelectorAll("#groups button").forEach((button, other) => {
    const correct = isRight(data, network, other);
    button.className = correct ? "" : "wrong";
    button.setAttribute("aria-pressed", String(other === which));
    button.setAttribute(
      "aria-label",
      `${data.classes[data.photographs[other].label]}, ${data.photographs[other].caption}: ${correct ? "right" : "wrong"}`,
    );
  });
}

export default function (component) {
  const { data, parentElement: root, setStateValue } = component;
  const slider = root.querySelector("#size");
  slider.min = 0;
  slider.max = data.networks.length - 1;
  slider.step = 1;
  // While the hand is on the slider, a rerun must not pull it away.
  if (!slider.matches(":active")) {
    slider.value = data.networks.findIndex((network) => network.name === data.shown);
  }
  let which = data.photograph;
  const redraw = () => {
    const shown = Number(slider.value);
    const network = data.networks[shown];
    slider.setAttribute("aria-valuetext", `${whole(network.parameters)} parameters, ${network.title}`);
    draw(root, data, shown, which);
  };
  slider.oninput = redraw;
  slider.onchange = () => setStateValue("shown", data.networks[Number(slider.value)].name);
  build(root, data, (other) => {
    which = other;
    redraw();
    setStateValue("photograph", other);
  });
  redraw();
}
