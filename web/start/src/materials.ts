import type { Material } from "./demo";
import { TEXTS, type Language } from "./texts";

/** Calls `give` with whatever the visitor drops, chooses, pastes or types. */
export function connectMaterials(give: (material: Material) => void): void {
  const byId = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
  const file = byId<HTMLInputElement>("file");
  const drop = byId("drop");
  const giveFiles = (files: FileList | null | undefined) => [...(files ?? [])].forEach((one) => give({ file: one }));

  file.addEventListener("change", () => {
    giveFiles(file.files);
    file.value = "";
  });
  for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
    drop.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", type === "dragenter" || type === "dragover");
    });
  }
  drop.addEventListener("drop", (event) => giveFiles(event.dataTransfer?.files));

  const text = byId<HTMLTextAreaElement>("text");
  const title = byId<HTMLInputElement>("text-title");
  byId<HTMLFormElement>("text-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!text.value.trim()) return text.focus();
    give({ text: text.value, title: title.value.trim() || TEXTS[document.documentElement.lang as Language].untitled });
    text.value = title.value = "";
  });

  const url = byId<HTMLInputElement>("url");
  byId<HTMLFormElement>("url-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = url.value.trim();
    if (!typed) return url.focus();
    give({ url: /^[a-z]+:\/\//i.test(typed) ? typed : `https://${typed}` });
    url.value = "";
  });
}

export function nameOf(material: Material): string {
  if ("file" in material) return material.file.name;
  return "url" in material ? material.url : material.title;
}
