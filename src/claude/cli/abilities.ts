// What a CLI can do in a live process beyond its documentation, or beyond what every version does. Each makes requests faster and none
// is needed: without it, what it would change is fixed when a process is started. Which of them an executable has is found out by
// claude/examination/.

/**
 * - `rewind`: a process serves unrelated conversations, one after the other.
 * - `promptSwitch`, `modelSwitch`, `optionSwitch`, `toolSwitch`: they may differ in system prompt, model, model options (effort, thinking,
 *   output limit), and the client's tools.
 * - `opening`: a conversation that comes with a request is begun with its first message, without asking the model.
 * - `loading`: a process reads a long past from a file of ours, and can still be rewound to nothing.
 */
export const abilityNames = [
  'rewind', 'promptSwitch', 'modelSwitch', 'optionSwitch', 'toolSwitch', 'opening', 'loading',
] as const // biome-ignore format: a list reads better in lines than in a column

export type AbilityName = (typeof abilityNames)[number]
export type Abilities = Readonly<Record<AbilityName, boolean>>

const every = (isThere: boolean) => Object.fromEntries(abilityNames.map((name) => [name, isThere])) as Abilities

export const allAbilities = every(true)
export const noAbilities = every(false)

/** An ability failed in use, or turned out not to be there. */
export class AbilityFailed extends Error {
  readonly ability: AbilityName

  constructor(ability: AbilityName, message: string, options?: ErrorOptions) {
    super(message, options)
    this.ability = ability
  }
}

/** A process would not use an ability now. Others of its executable may, unless it happens again and again. */
export class AbilityRefused extends Error {
  readonly ability: AbilityName

  constructor(ability: AbilityName, message: string, options?: ErrorOptions) {
    super(message, options)
    this.ability = ability
  }
}

/** `state` is the stamp of its file, which may be a wrapper: then only the version tells which one it starts. */
export type ExecutableId = { state: string; version: string }

/** The executable was replaced after its version was read, or given up: find out again which one to use. */
export class ClaudeReplaced extends Error {}

/** Which abilities are used with an executable. */
export type AbilityBook = {
  of(claude: ExecutableId): Abilities
  /** Notes that one failed in use: it is not used with this executable any more. */
  lose(claude: ExecutableId, failed: AbilityFailed): void
  /** Notes that a process of the executable was not what it should be, in a way that nothing makes up for. */
  addDefect(claude: ExecutableId, reason: string): void
  /** Notes the version that a process of it has reported, if that is another: its file starts another program by now. */
  noteVersion(claude: ExecutableId, reported: string): void
  /** Resolves when the executable is not being examined, or not any more. */
  examined(claude: ExecutableId): Promise<void>
  /** Why the executable is not used; null if it is. */
  defectOf(claude: ExecutableId): string | null
}
