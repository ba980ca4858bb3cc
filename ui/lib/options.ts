// The options of a request, as a person fills them in: a table of fields, and what a request is made of them. They live as long as the
// tab does.
import { effect, signal } from '@preact/signals'
import type { ChatBody } from './conversation.ts'

export type Field = {
  name: keyof ChatBody
  label: string
  kind: 'text' | 'long' | 'number' | 'lines' | 'json' | 'choice' | 'check'
  help?: string
  choices?: readonly string[]
  /** Names of models are offered. */
  isModel?: boolean
}

export const fields: readonly Field[] = [
  { name: 'model', label: 'Model', kind: 'text', isModel: true, help: 'empty: the default of Claude Code' },
  {
    name: 'permission_mode',
    label: 'Permission mode',
    kind: 'choice',
    choices: ['default', 'acceptEdits', 'plan', 'dontAsk', 'bypassPermissions'],
    help: 'bypassPermissions only where the server allows it',
  },
  { name: 'effort', label: 'Effort', kind: 'choice', choices: ['low', 'medium', 'high', 'xhigh', 'max'] },
  {
    name: 'cwd',
    label: 'Folder',
    kind: 'text',
    help: 'an absolute path; empty: the server’s own, or the conversation’s',
  },
  { name: 'add_dirs', label: 'Further folders', kind: 'lines' },
  { name: 'tools', label: 'Tools that exist', kind: 'lines', help: 'names, or none for none at all; empty: all' },
  { name: 'allowed_tools', label: 'Allowed without asking', kind: 'lines', help: 'rules such as Bash(git status)' },
  { name: 'disallowed_tools', label: 'Never allowed', kind: 'lines' },
  { name: 'system_prompt', label: 'System prompt', kind: 'long', help: 'in place of Claude Code’s own' },
  { name: 'append_system_prompt', label: 'Added to the system prompt', kind: 'long' },
  { name: 'max_turns', label: 'Turns at most', kind: 'number' },
  { name: 'max_budget_usd', label: 'Cost at most, in US dollars', kind: 'number' },
  { name: 'timeout_s', label: 'Time at most, in seconds', kind: 'number' },
  { name: 'fallback_model', label: 'Model where that one is overloaded', kind: 'text', isModel: true },
  { name: 'json_schema', label: 'JSON Schema of the answer', kind: 'json' },
  { name: 'mcp_servers', label: 'MCP servers', kind: 'json', help: 'as in .mcp.json' },
  { name: 'agents', label: 'Agents', kind: 'json' },
  { name: 'setting_sources', label: 'Settings that count', kind: 'lines', help: 'of user, project, local; empty: all' },
  { name: 'commands', label: 'Let /commands and @files in the prompt act', kind: 'check' },
  { name: 'on_crash', label: 'If the server dies', kind: 'choice', choices: ['fail', 'restart'] },
]

export type Values = Partial<Record<Field['name'], string>>

const place = 'claude-serve.options'

function kept(): Values {
  try {
    const values: unknown = JSON.parse(sessionStorage.getItem(place) ?? '{}')
    return typeof values === 'object' && values !== null ? (values as Values) : {}
  } catch {
    return {}
  }
}

export const values = signal<Values>(kept())
effect(() => sessionStorage.setItem(place, JSON.stringify(values.value)))

export function setValue(name: Field['name'], value: string): void {
  const { [name]: _, ...others } = values.value
  values.value = value === '' ? others : { ...others, [name]: value }
}

/** A field whose value is none. */
export class FieldFault extends Error {
  readonly field: Field

  constructor(field: Field, text: string) {
    super(`${field.label}: ${text}`)
    this.field = field
  }
}

/** What the values say to a request. Throws FieldFault. */
export function bodyOf(given: Values): ChatBody {
  const entries = fields.flatMap((field) => {
    const text = given[field.name]?.trim() ?? ''
    return text === '' ? [] : [[field.name, readValue(field, text)]]
  })
  return Object.fromEntries(entries) as ChatBody
}

function readValue(field: Field, text: string): unknown {
  switch (field.kind) {
    case 'check':
      return true
    case 'number': {
      const value = Number(text)
      if (!(value > 0)) throw new FieldFault(field, 'must be a number above 0')
      return value
    }
    case 'lines':
      if (field.name === 'tools' && text === 'none') return []
      return text.split('\n').flatMap((line) => line.trim() || [])
    case 'json':
      try {
        return JSON.parse(text) as unknown
      } catch (fault) {
        throw new FieldFault(field, `is no JSON (${fault instanceof Error ? fault.message : String(fault)})`)
      }
    default:
      return text
  }
}
