// What a live process is set to for a turn: model, effort, thinking, output limit and the client's tools. Sends only what differs from
// what was last sent. Not for what is fixed when a process starts (claude/cli/sdk-options.ts), nor for its system prompt
// (claude/cli/prompt-switch.ts).
import { UnsupportedRequest } from '../cli/errors-from-sdk.ts'
import { choosesModelByTurn, type Profile, type Turn } from '../cli/profile.ts'
import { toMcpServer } from './client-tools-server.ts'
import type { Control } from './control.ts'

/** What a process uses if nothing was set. */
const unset = JSON.stringify([null, false, null])
const noBudget = JSON.stringify([null, null])

export class TurnSettings {
  /** Every tool that was ever offered here, by name: the CLI keeps a tool's first definition, whichever server offers it. */
  readonly knownTools = new Map<string, string>()
  readonly #profile: Profile
  readonly #control: Control
  /** What was last sent to the process. */
  readonly #applied = { model: null as string | null, settings: unset, thinking: noBudget, tools: '[]' }
  #baseModel: string | null = null
  #toolServers = 0

  constructor(profile: Profile, control: Control) {
    this.#profile = profile
    this.#control = control
  }

  /** The model that the process uses if a turn names none; null if it is not known. */
  get baseModel(): string | null {
    return this.#baseModel
  }

  /** Reads `baseModel`, if a turn may choose another. */
  async readModel(): Promise<void> {
    if (choosesModelByTurn(this.#profile)) this.#baseModel = this.#applied.model = await this.#appliedModel()
  }

  /** The model that the process uses if none is set, from the user's settings or the CLI's own choice; null if it cannot say. */
  async #appliedModel(): Promise<string | null> {
    const settings = await this.#control.getSettings().catch((error) => {
      if (error instanceof UnsupportedRequest) return {}
      throw error
    })
    const { applied } = settings as { applied?: { model?: unknown } }
    return typeof applied?.model === 'string' ? applied.model : null
  }

  /** Sends model, effort, thinking, output limit and tools if they differ from what was last sent. */
  async apply(turn: Turn): Promise<void> {
    const applied = this.#applied
    if (choosesModelByTurn(this.#profile)) {
      const model = turn.model ?? this.#baseModel
      if (model !== applied.model) await this.#control.applySettings({ model })
      applied.model = model
    }
    if (!this.#profile.plain) return
    await this.#applyModelOptions(turn)
    await this.#offerTools(turn)
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

  /** The server gets a new name each time: under the same name the CLI keeps the tools that it already knows. */
  async #offerTools({ clientTools }: Turn): Promise<void> {
    const tools = JSON.stringify(clientTools)
    if (tools === this.#applied.tools) return
    for (const tool of clientTools) this.knownTools.set(tool.name, JSON.stringify(tool))
    const name = `tools${++this.#toolServers}`
    const servers = clientTools.length === 0 ? {} : { [name]: await toMcpServer(name, clientTools) }
    const { errors } = await this.#control.setMcpServers(servers)
    const reason = Object.values(errors ?? {})[0]
    if (reason !== undefined) throw new Error(`the CLI did not accept the tools: ${reason}`)
    this.#applied.tools = tools
  }
}
