// What states, languages and figures are called on the page.

/** Status of a dub: its word, its tone, and what it means for the audience. */
export const STATUS = {
  starting: ["Starting", "idle", "The dub is starting."],
  waiting: ["Waiting", "idle", "The dub waits for the stream."],
  dubbing: ["Dubbing", "ok", "The audience hears the dub."],
  original: ["Original sound", "warning", "The audience hears the original: no dub is coming."],
  bypassed: ["Original only", "warning", "The audience hears the original, because an operator chose it."],
  source_lost: ["Source lost", "problem", "The stream stopped arriving. The dub goes on when it is back."],
  restarting: ["Restarting", "problem", "The dub stopped unexpectedly and is being started again."],
  stopped: ["Stopped", "idle", "This dub is stopped."],
  absent: ["Not live", "idle", "Nobody publishes this stream now. It starts here by itself."],
};

/** Statuses in which there is a dubbed stream to play. */
export const PLAYABLE = new Set(["dubbing", "original", "bypassed", "source_lost"]);

/** Outcome of a phrase: its words and tone. */
export const OUTCOME = {
  in_time: ["In time", "ok"],
  late: ["Late", "warning"],
  dropped: ["Dropped", "problem"],
  passed_through: ["Original heard", "idle"],
  wordless: ["No words", "idle"],
};

/** Languages offered beside the configured ones. */
export const COMMON_LANGUAGES = ["ar", "ca", "de", "en", "es", "fr", "hi", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "tr", "uk", "zh"];

const names = new Intl.DisplayNames(["en"], { type: "language" });

/** English name of a language, or its code where it has none. */
export function languageName(code) {
  try {
    return names.of(code) ?? code;
  } catch {
    return code;
  }
}

const ENGINES = {
  whisper: "Whisper",
  pocketsphinx: "PocketSphinx",
  apertium: "Apertium",
  ctranslate2: "CTranslate2",
  llm: "Language model",
  identity: "No translation",
  piper: "Piper",
  kokoro: "Kokoro",
  pico: "Pico",
  espeak: "eSpeak NG",
  xtts: "XTTS",
};

/** Who recognised, translated and spoke, as "Whisper base · Apertium · Pico"; empty where nobody has yet. */
export function enginesInUse(engines = []) {
  const words = engines.map((name) => {
    const [engine, ...model] = name.split(" ");
    return [ENGINES[engine] ?? engine, ...model].join(" ");
  });
  return words.join(" · ");
}

/** What is spoken in a stream: as it is set, or as it was heard; empty where it isn't known yet. */
export function spokenLanguage(stream) {
  const { set = "auto", heard = "" } = stream?.spoken ?? {};
  return set === "auto" ? heard : set;
}

/** Seconds as "2.80 s", or a dash where there is no number. */
export const seconds = (value) => (Number.isFinite(value) ? `${value.toFixed(2)} s` : "–");

/** A length of time as "45 s", "12 min" or "3 h 5 min". */
export function duration(value) {
  const whole = Math.max(0, Math.round(value));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** A Unix time in seconds as the time of day here. */
export const timeOfDay = (unix) => (Number.isFinite(unix) ? clock.format(new Date(unix * 1000)) : "–");

const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

/** A Unix time in seconds as day and time of day here: "27 Nov 2026, 14:03". */
export const dayAndTime = (unix) => day.format(new Date(unix * 1000));

/** "1 phrase", "2 phrases". */
export const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

/** An address of a host as people know it: without scheme, user, password and path. */
export function hostOf(address) {
  try {
    return new URL(address).host || address;
  } catch {
    return address;
  }
}
