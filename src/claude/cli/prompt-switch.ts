// Gives a live process another system prompt, by way of a plugin folder of ours: an agent whose prompt is the wanted one
// is written there, loaded, chosen, and removed from disk again. The commands are documented, that a chosen agent's prompt
// replaces the whole system prompt is not: hence the check that it was really loaded, and the fallback in the pool.
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Query } from '@anthropic-ai/claude-agent-sdk'

const pluginName = 'claude-serve'

export class PromptSwitch {
  readonly folder: string
  #current: string | null = null

  /**
   * `parent` must be a folder that only the owner can read: prompts lie in it for some milliseconds. The process is to be
   * started with `folder` as a plugin.
   */
  constructor(parent: string) {
    this.folder = join(parent, `prompts-${randomBytes(8).toString('hex')}`)
    mkdirSync(join(this.folder, '.claude-plugin'), { recursive: true, mode: 0o700 })
    mkdirSync(join(this.folder, 'agents'), { mode: 0o700 })
    const manifest = { name: pluginName, version: '1.0.0', description: 'System prompts of requests to claude-serve' }
    writeFileSync(join(this.folder, '.claude-plugin', 'plugin.json'), JSON.stringify(manifest), { mode: 0o600 })
  }

  /** Makes `text` the system prompt of the conversation that begins next. Throws where the CLI did not load it. */
  async use(query: Query, text: string): Promise<void> {
    if (text === this.#current) return
    const name = `p${randomBytes(8).toString('hex')}`
    const file = join(this.folder, 'agents', `${name}.md`)
    this.#current = null
    await writeFile(file, `---\nname: ${name}\ndescription: a system prompt\n---\n${text}`, { mode: 0o600 })
    try {
      const { agents } = await query.reloadPlugins()
      if (!agents.some((agent) => agent.name === `${pluginName}:${name}`))
        throw new Error('the CLI did not load the prompt')
      await query.applyFlagSettings({ agent: `${pluginName}:${name}` })
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
 * Whether a prompt can be given this way unchanged: the CLI trims what it reads from a file, fills in the variables that a
 * plugin may name, and an empty prompt would be no agent at all.
 */
export function canSwitchTo(text: string): boolean {
  return text.length > 0 && text === text.trim() && !text.includes('\r') && !text.includes('${')
}
