import { Chat, snippet } from "./chat";
import { addSource, followSource, loadDemo, loadSources, type Demo, type Material } from "./demo";
import { connectMaterials, nameOf } from "./materials";
import { isOver, showSources, upsert, type Source } from "./sources";
import { connectTabs } from "./tabs";
import { chooseLanguage, TEXTS, translate, type Language } from "./texts";

const byId = (id: string) => document.getElementById(id)!;

let language = chooseLanguage(navigator.languages);
translate(document, language);

const onLanguage: (() => void)[] = [];
for (const button of document.querySelectorAll<HTMLElement>("button[data-language]")) {
  button.addEventListener("click", () => {
    language = button.dataset.language as Language;
    translate(document, language);
    onLanguage.forEach((show) => show());
  });
}

try {
  const demo = await loadDemo();
  if (demo) showDemo(demo);
  else byId("plain").hidden = false;
} catch {
  const plain = byId("plain");
  plain.dataset.text = "unreachable";
  plain.textContent = TEXTS[language].unreachable;
  plain.hidden = false;
}

function showDemo({ demo, own }: Demo): void {
  byId("demo").hidden = false;
  connectTabs(document.querySelector<HTMLElement>("[role=tablist]")!);
  const chat = new Chat(demo.publishable_key, language, "#chat");

  const answerFrom = (tenant: typeof own) => {
    byId("answer-demo").setAttribute("aria-pressed", String(tenant === demo));
    byId("answer-own").setAttribute("aria-pressed", String(tenant === own));
    byId("snippet").textContent = snippet(location.origin, tenant.publishable_key);
    return chat.answerFrom(tenant.publishable_key);
  };
  byId("answer-demo").textContent = demo.name;
  byId("answer-demo").addEventListener("click", () => void answerFrom(demo));
  byId("answer-own").addEventListener("click", () => void answerFrom(own));
  void answerFrom(demo);

  const showChat = () => byId("chat").scrollIntoView({ block: "nearest", behavior: "smooth" });
  const showSuggestions = () => {
    const chips = demo.suggestions[language].map((question) => {
      const entry = document.createElement("li");
      const chip = document.createElement("button");
      chip.type = "button";
      chip.textContent = question;
      chip.addEventListener("click", async () => {
        await answerFrom(demo);
        showChat();
        await chat.ask(question);
      });
      entry.append(chip);
      return entry;
    });
    byId("suggestions").replaceChildren(...chips);
  };
  showSuggestions();
  onLanguage.push(showSuggestions, () => void chat.speak(language));
  watchReading(demo.reading);

  connectSources(async () => {
    await answerFrom(own);
    showChat();
  });
  byId("copy").addEventListener("click", () => void copy(byId("snippet")));
}

/** Says how far the shop's documents are read, until they are. */
function watchReading({ done, total }: Demo["demo"]["reading"]): void {
  const line = byId("reading");
  line.hidden = done === total;
  line.textContent = TEXTS[language].reading.replace("{done}", String(done)).replace("{total}", String(total));
  if (done === total) return;
  setTimeout(async () => {
    // a server that does not answer now is asked again
    const again = await loadDemo().catch(() => null);
    watchReading(again ? again.demo.reading : { done, total });
  }, 2000);
}

function connectSources(ask: () => void): void {
  let sources: readonly Source[] = [];
  const show = (source: Source, id?: string) => {
    sources = upsert(sources, source, id);
    render();
  };
  const render = () => showSources(byId("sources"), sources, language, ask);
  const follow = (source: Source) => {
    if (!isOver(source)) followSource(source.source_id, show);
  };
  const give = async (material: Material) => {
    const local = crypto.getRandomValues(new Uint32Array(2)).join("-");
    show({ source_id: local, name: nameOf(material), state: "sending" });
    try {
      const source = await addSource(material);
      show(source, local);
      follow(source);
    } catch (error) {
      show({ source_id: local, name: nameOf(material), state: "failed", reason: (error as Error).message });
    }
  };
  connectMaterials((material) => void give(material));
  onLanguage.push(render);
  loadSources()
    .then((known) => {
      sources = known.reduce<readonly Source[]>((list, source) => upsert(list, source), sources);
      render();
      known.forEach(follow);
    })
    // the list is a convenience: without it the page still takes new material
    .catch(() => {});
}

async function copy(element: HTMLElement): Promise<void> {
  getSelection()!.selectAllChildren(element);
  // the clipboard API is for secure pages only
  if (navigator.clipboard) await navigator.clipboard.writeText(element.textContent ?? "");
  else document.execCommand("copy");
  byId("copy").textContent = TEXTS[language].copied;
  setTimeout(() => (byId("copy").textContent = TEXTS[language].copy), 2000);
}
