// Copying a text and handing it over as a file.

/** Offers a text as a download. */
export function download(name, text, type = "text/plain") {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Copies a text; false where the browser does not let this page do so. */
export async function copy(text, element) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Browsers give the clipboard only to safe origins, so the selection is the other way.
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}
