// Why there is no sound, in a sentence for people.

/** A source that can't be used. The message can be shown as it is. */
export class SoundProblem extends Error {}
