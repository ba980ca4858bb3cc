// Gives a live process another system prompt, through a plugin folder of its own: an agent with that prompt is written
// there, loaded, selected, and removed from disk again. The commands are documented, but not that the prompt of the
// selected agent replaces the whole system prompt: hence the check that it was really loaded, and the fallback in the
// pool.
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const pluginName = 'claude-serve'

/** What it needs of the process: see claude/process/control.ts. */
export type PromptControl = {
  reloadPlugins(): Promise<{ agents: { name: string }[] }>
  applySettings(settings: { agent: string }): Promise<void>
}

export class PromptSwitch {
  readonly folder: string
  #current: string | null = null

  /**
   * `parent` must be a folder that only the owner can read: prompts are stored in it for some milliseconds. Start the
   * process with `folder` as a plugin.
   */
  constructor(parent: string) {
    this.folder = join(parent, `prompts-${randomBytes(8).toString('hex')}`)
    mkdirSync(join(this.folder, '.claude-plugin'), { recursive: true, mode: 0o700 })
    mkdirSync(join(this.folder, 'agents'), { mode: 0o700 })
    const manifest = { name: pluginName, version: '1.0.0', description: 'System prompts of requests to claude-serve' }
    writeFileSync(join(this.folder, '.claude-plugin', 'plugin.json'), JSON.stringify(manifest), { mode: 0o600 })
  }

  /** Makes `text` the system prompt of the conversation that starts next. Throws if the CLI did not load it. */
  async use(control: PromptControl, text: string): Promise<void> {
    if (text === this.#current) return
    const name = `p${randomBytes(8).toString('hex')}`
    const file = join(this.folder, 'agents', `${name}.md`)
    this.#current = null
    await writeFile(file, `---\nname: ${name}\ndescription: a system prompt\n---\n${text}`, { mode: 0o600 })
    try {
      const { agents } = await control.reloadPlugins()
      if (!agents.some((agent) => agent.name === `${pluginName}:${name}`))
        throw new Error('the CLI did not load the prompt')
      await control.applySettings({ agent: `${pluginName}:${name}` })
      this.#current = text
    } finally {
      await rm(file, { force: true })
    }
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}

/**
 * Whether a prompt can be set this way unchanged: the CLI trims what it reads from a file and fills in the variables
 * that a plugin may name, and an agent with an empty prompt does not exist.
 */
export function canSwitchTo(text: string): boolean {
  return text.length > 0 && text === text.trim() && !text.includes('\r') && !text.includes('${')
}
