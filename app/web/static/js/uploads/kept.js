// Recordings as they grow, kept by the browser: a page that is closed or crashes loses none of them.

const NAME = "voicestack-recordings";
const [ABOUT, PIECES] = ["recordings", "pieces"];

/** A recording that is kept: `id`, and what is known of it. */
export class Kept {
  #base = null;

  /** Begins one; false where this browser keeps nothing. */
  async begin(about) {
    try {
      await this.#do("readwrite", (store) => store(ABOUT).put(about));
      return true;
    } catch {
      return false;
    }
  }

  /** Keeps the next piece of it. */
  add(id, samples) {
    return this.#do("readwrite", (store) => store(PIECES).add({ id, samples }));
  }

  /** All that are kept, oldest first. */
  async every() {
    try {
      return (await this.#do("readonly", (store) => store(ABOUT).getAll())).sort((one, other) => one.began - other.began);
    } catch {
      return [];
    }
  }

  /** The pieces of one, in order. */
  async pieces(id) {
    const found = await this.#do("readonly", (store) => store(PIECES).index("id").getAll(id));
    return found.map(({ samples }) => samples);
  }

  /** Forgets one. */
  async drop(id) {
    await this.#do("readwrite", (store) => {
      store(ABOUT).delete(id);
      const walk = store(PIECES).index("id").openKeyCursor(IDBKeyRange.only(id));
      walk.onsuccess = () => {
        if (!walk.result) return;
        store(PIECES).delete(walk.result.primaryKey);
        walk.result.continue();
      };
    }).catch(() => {});
  }

  async #do(mode, work) {
    this.#base ??= opened();
    const transaction = (await this.#base).transaction([ABOUT, PIECES], mode);
    return new Promise((resolve, reject) => {
      const request = work((name) => transaction.objectStore(name));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }
}

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(ABOUT, { keyPath: "id" });
      request.result.createObjectStore(PIECES, { autoIncrement: true }).createIndex("id", "id");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
