// The options form: a table of fields, and their conversion into a request body. The values live as long as the tab.
import { effect, signal } from '@preact/signals'
import type { ChatBody } from './conversation.ts'

export type Field = {
  name: keyof ChatBody
  label: string
  control: 'text' | 'textarea' | 'number' | 'list' | 'json' | 'select' | 'checkbox'
  help?: string
  choices?: readonly string[]
  /** Suggests model names. */
  isModel?: boolean
}

export const fields: readonly Field[] = [
  { name: 'model', label: 'Model', control: 'text', isModel: true, help: 'empty: Claude Code’s default' },
  {
    name: 'permission_mode',
    label: 'Permission mode',
    control: 'select',
    choices: ['default', 'acceptEdits', 'plan', 'dontAsk', 'bypassPermissions'],
    help: 'bypassPermissions only if the server allows it',
  },
  { name: 'effort', label: 'Effort', control: 'select', choices: ['low', 'medium', 'high', 'xhigh', 'max'] },
  {
    name: 'cwd',
    label: 'Folder',
    control: 'text',
    help: 'an absolute path; empty: the default of the server or the conversation',
  },
  { name: 'add_dirs', label: 'Additional folders', control: 'list' },
  { name: 'tools', label: 'Available tools', control: 'list', help: 'names, or none for no tools; empty: all' },
  { name: 'allowed_tools', label: 'Allowed without asking', control: 'list', help: 'rules such as Bash(git status)' },
  { name: 'disallowed_tools', label: 'Never allowed', control: 'list' },
  { name: 'system_prompt', label: 'System prompt', control: 'textarea', help: 'replaces Claude Code’s own' },
  { name: 'append_system_prompt', label: 'Append to system prompt', control: 'textarea' },
  { name: 'max_turns', label: 'Maximum turns', control: 'number' },
  { name: 'max_budget_usd', label: 'Maximum cost in US dollars', control: 'number' },
  { name: 'timeout_s', label: 'Time limit in seconds', control: 'number' },
  {
    name: 'fallback_model',
    label: 'Fallback model',
    control: 'text',
    isModel: true,
    help: 'used if the model is overloaded',
  },
  { name: 'json_schema', label: 'JSON Schema for the answer', control: 'json' },
  { name: 'mcp_servers', label: 'MCP servers', control: 'json', help: 'as in .mcp.json' },
  { name: 'agents', label: 'Agents', control: 'json' },
  {
    name: 'setting_sources',
    label: 'Setting sources',
    control: 'list',
    help: 'any of user, project, local; empty: all',
  },
  { name: 'commands', label: 'Enable /commands and @files in the prompt', control: 'checkbox' },
  { name: 'on_crash', label: 'If the server crashes', control: 'select', choices: ['fail', 'restart'] },
]

export type Values = Partial<Record<Field['name'], string>>

const storageKey = 'claude-serve.options'

function savedValues(): Values {
  try {
    const values: unknown = JSON.parse(sessionStorage.getItem(storageKey) ?? '{}')
    return typeof values === 'object' && values !== null ? (values as Values) : {}
  } catch {
    return {}
  }
}

export const values = signal<Values>(savedValues())
effect(() => sessionStorage.setItem(storageKey, JSON.stringify(values.value)))

export function setValue(name: Field['name'], value: string): void {
  const { [name]: _, ...others } = values.value
  values.value = value === '' ? others : { ...others, [name]: value }
}

/** A field has an invalid value. */
class FieldError extends Error {
  readonly field: Field

  constructor(field: Field, text: string) {
    super(`${field.label}: ${text}`)
    this.field = field
  }
}

/** Converts the values into fields of a request body. Throws FieldError. */
export function bodyOf(values: Values): ChatBody {
  const entries = fields.flatMap((field) => {
    const text = values[field.name]?.trim() ?? ''
    return text === '' ? [] : [[field.name, readValue(field, text)]]
  })
  return Object.fromEntries(entries) as ChatBody
}

function readValue(field: Field, text: string): unknown {
  switch (field.control) {
    case 'checkbox':
      return true
    case 'number': {
      const value = Number(text)
      if (!(value > 0)) throw new FieldError(field, 'must be a number greater than 0')
      return value
    }
    case 'list':
      if (field.name === 'tools' && text === 'none') return []
      return text.split('\n').flatMap((line) => line.trim() || [])
    case 'json':
      try {
        return JSON.parse(text) as unknown
      } catch (error) {
        throw new FieldError(field, `must be valid JSON (${error instanceof Error ? error.message : String(error)})`)
      }
    default:
      return text
  }
}
