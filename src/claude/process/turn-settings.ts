// What a live process is set to for a turn: model, effort, thinking, output limit and the client's tools. Sends only what differs from
// what was last sent. Not for what is fixed when a process starts (claude/cli/sdk-options.ts), nor for its system prompt
// (claude/cli/prompt-switch.ts).
import { AbilityFailed } from '../cli/abilities.ts'
import type { Profile, Turn } from '../cli/profile.ts'
import { loadToolServers, toMcpServer } from './client-tools-server.ts'
import type { Control } from './control.ts'
import type { UsingAbility } from './using-ability.ts'

/** What a process uses if nothing was set. */
const unset = JSON.stringify([null, false, null])
const noBudget = JSON.stringify([null, null])

export class TurnSettings {
  /** Every tool that was ever offered here, by name: the CLI keeps a tool's first definition, whichever server offers it. */
  readonly knownTools = new Map<string, string>()
  readonly #profile: Profile
  readonly #control: Control
  readonly #using: UsingAbility
  /** What was last sent to the process. */
  readonly #applied = { model: null as string | null, settings: unset, thinking: noBudget, tools: '[]' }
  #baseModel: string | null = null
  /** The model of the turn before. */
  #modelBefore: string | null = null
  #toolServers = 0

  constructor(profile: Profile, control: Control, using: UsingAbility) {
    this.#profile = profile
    this.#control = control
    this.#using = using
  }

  /** The model that the process uses if a turn names none; null if it is not known. */
  get baseModel(): string | null {
    return this.#baseModel
  }

  /** Reads `baseModel`, if a turn may choose another. */
  async readModel(): Promise<void> {
    if (this.#profile.byTurn.model) this.#baseModel = this.#applied.model = await this.#appliedModel()
  }

  /** The model that the process uses if none is set, from the user's settings or the CLI's own choice; null if it cannot say. */
  async #appliedModel(): Promise<string | null> {
    const settings = await this.#control.getSettings()
    const { applied } = settings as { applied?: { model?: unknown } }
    return typeof applied?.model === 'string' ? applied.model : null
  }

  /** Sends model, effort, thinking, output limit and tools if they differ from what was last sent. */
  async apply(turn: Turn): Promise<void> {
    const { byTurn, plain } = this.#profile
    if (byTurn.model) await this.#using('modelSwitch', this.#applyModel(turn))
    if (byTurn.options) await this.#using('optionSwitch', this.#applyModelOptions(turn))
    if (byTurn.tools) await this.#offerTools(turn)
    else if (plain) this.#noteTools(turn)
  }

  async #applyModel({ model }: Turn): Promise<void> {
    const applied = this.#applied
    const wanted = model ?? this.#baseModel
    this.#modelBefore = applied.model
    if (wanted !== applied.model) await this.#control.applySettings({ model: wanted })
    applied.model = wanted
  }

  /**
   * Throws AbilityFailed if the process, which reports the model that it uses, still uses the one before. `resolve` returns the full id
   * of a model.
   */
  checkModel(reported: string | undefined, resolve: (name: string) => string): void {
    const { model } = this.#applied
    const before = this.#modelBefore
    if (reported === undefined || model === null || before === null || resolve(before) === resolve(model)) return
    if (reported === resolve(before)) throw new AbilityFailed('modelSwitch', `it uses ${reported}, not ${model}`)
  }

  async #applyModelOptions({ effort, thinking, maxOutputTokens }: Turn): Promise<void> {
    const applied = this.#applied
    const settings = JSON.stringify([effort, thinking.isOff, maxOutputTokens])
    if (settings !== applied.settings) {
      // An empty value unsets the variable; leaving it out does not.
      const env = {
        CLAUDE_CODE_DISABLE_THINKING: thinking.isOff ? '1' : '',
        CLAUDE_CODE_MAX_OUTPUT_TOKENS: maxOutputTokens === null ? '' : String(maxOutputTokens),
      }
      await this.#control.applySettings({ effortLevel: effort, env })
      applied.settings = settings
    }
    const { budgetTokens, display } = thinking
    const budget = JSON.stringify([budgetTokens, display])
    if (budget === applied.thinking) return
    await this.#control.setThinking(budgetTokens, display)
    applied.thinking = budget
  }

  #noteTools({ clientTools }: Pick<Turn, 'clientTools'>): void {
    for (const tool of clientTools) this.knownTools.set(tool.name, JSON.stringify(tool))
  }

  /** The server gets a new name each time: under the same name the CLI keeps the tools that it already knows. */
  async #offerTools({ clientTools }: Turn): Promise<void> {
    const tools = JSON.stringify(clientTools)
    if (tools === this.#applied.tools) return
    this.#noteTools({ clientTools })
    const name = `tools${++this.#toolServers}`
    await loadToolServers()
    const servers = clientTools.length === 0 ? {} : { [name]: toMcpServer(name, clientTools) }
    const { errors } = await this.#using('toolSwitch', this.#control.setMcpServers(servers))
    const reason = Object.values(errors ?? {})[0]
    if (reason !== undefined) throw new Error(`the CLI did not accept the tools: ${reason}`)
    this.#applied.tools = tools
  }
}
