// Gives a live process another system prompt, through a plugin folder of its own: an agent with that prompt is written
// there, loaded, selected, and removed from disk again. The commands are documented, but not that the prompt of the
// selected agent replaces the whole system prompt: hence the check that it was really loaded, and the fallback in the
// pool.
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const pluginName = 'claude-serve'

/** So many prompts stay loaded in a process, the one used last included, and so many characters of them together. */
const loadedMax = 8
const loadedCharsMax = 512 * 1024

/** What it needs of the process: see claude/process/control.ts. */
export type PromptControl = {
  reloadPlugins(): Promise<{ agents: { name: string }[] }>
  applySettings(settings: { agent: string }): Promise<void>
}

/** How near a process is to a prompt: it uses it, has it loaded, or would have to load it. */
export type PromptDistance = 0 | 1 | 2

/**
 * What `trim` removes from the ends of a text, but for two separators: the CLI reports its settings, and some readers take these for ends of
 * lines.
 */
const spaces = [
  ...[9, 10, 11, 12, 13, 32, 0xa0, 0x1680, 0x202f, 0x205f, 0x3000, 0xfeff],
  ...Array.from({ length: 11 }, (_, index) => 0x2000 + index),
].map((code) => String.fromCharCode(code))

const optionNames = new Map(['$', ...spaces].map((char) => [char, `u${char.charCodeAt(0).toString(16)}`]))

const reference = (char: string): string => `\${user_config.${optionNames.get(char)}}`

const options = Object.fromEntries([...optionNames].map(([char, name]) => [name, char]))

/** Settings that a process with the plugin is started with: the values of the plugin's options. */
export const promptSettings = { pluginConfigs: { [`${pluginName}@inline`]: { options } } }

/**
 * A prompt as the content of an agent's file. The CLI trims what it reads and then fills in the variables that a plugin may name, once; so
 * what it would trim, or take for a variable, stands there as an option of the plugin.
 */
export function toAgentBody(prompt: string): string {
  const body = prompt.replaceAll('${', `${reference('$')}{`).replaceAll('\r', reference('\r'))
  return body.replace(/^\s/, reference).replace(/\s$/, reference)
}

export class PromptSwitch {
  readonly folder: string
  #current: string | null = null
  /** The names of the agents that the process has loaded, by their prompts; the one used last is the last. */
  readonly #loaded = new Map<string, string>()

  /**
   * `parent` must be a folder that only the owner can read: prompts are stored in it for some milliseconds. Start the
   * process with `folder` as a plugin, and with `promptSettings`.
   */
  constructor(parent: string) {
    this.folder = join(parent, `prompts-${randomBytes(8).toString('hex')}`)
    mkdirSync(join(this.folder, '.claude-plugin'), { recursive: true, mode: 0o700 })
    mkdirSync(join(this.folder, 'agents'), { mode: 0o700 })
    const userConfig = Object.fromEntries(
      [...optionNames].map(([char, name]) => [
        name,
        { type: 'string', title: name, description: `The character ${name}`, default: char },
      ]),
    )
    const manifest = { name: pluginName, version: '1.0.0', description: 'System prompts of requests to claude-serve' }
    const file = join(this.folder, '.claude-plugin', 'plugin.json')
    writeFileSync(file, JSON.stringify({ ...manifest, userConfig }), { mode: 0o600 })
  }

  distanceTo(text: string): PromptDistance {
    if (text === this.#current) return 0
    return this.#loaded.has(text) ? 1 : 2
  }

  /** Makes `text` the system prompt of the conversation that starts next. Throws if the CLI did not load it. */
  async use(control: PromptControl, text: string): Promise<void> {
    if (text === this.#current) return
    this.#current = null
    const name = this.#loaded.get(text) ?? (await this.#load(control, text))
    await control.applySettings({ agent: `${pluginName}:${name}` })
    this.#loaded.delete(text)
    this.#loaded.set(text, name)
    this.#current = text
  }

  /** A reload forgets what has no file: those that are to stay are written again. */
  async #load(control: PromptControl, text: string): Promise<string> {
    const name = `p${randomBytes(8).toString('hex')}`
    const wanted = [...this.#recent(text.length), [text, name] as const]
    this.#loaded.clear()
    const files = wanted.map(([, each]) => join(this.folder, 'agents', `${each}.md`))
    try {
      await Promise.all(wanted.map(([prompt, each], index) => writeAgent(files[index] ?? '', each, prompt)))
      const { agents } = await control.reloadPlugins()
      const isLoaded = (each: string) => agents.some((agent) => agent.name === `${pluginName}:${each}`)
      if (!isLoaded(name)) throw new Error('the CLI did not load the prompt')
      for (const [prompt, each] of wanted) if (isLoaded(each)) this.#loaded.set(prompt, each)
      return name
    } finally {
      await Promise.all(files.map((file) => rm(file, { force: true })))
    }
  }

  /** The prompts used last for which there is room beside one of `chars` characters. */
  #recent(chars: number): (readonly [string, string])[] {
    let room = loadedCharsMax - chars
    const recent = [...this.#loaded].slice(1 - loadedMax).reverse()
    const end = recent.findIndex(([prompt]) => {
      room -= prompt.length
      return room < 0
    })
    return (end === -1 ? recent : recent.slice(0, end)).reverse()
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}

const writeAgent = (file: string, name: string, prompt: string): Promise<void> =>
  writeFile(file, `---\nname: ${name}\ndescription: a system prompt\n---\n${toAgentBody(prompt)}`, { mode: 0o600 })

/** Whether a prompt can be set this way unchanged: an agent with an empty one does not exist. */
export const canSwitchTo = (text: string): boolean => text.length > 0 && !/^[\u2028\u2029]|[\u2028\u2029]$/.test(text)
