// The client tools that Anthropic's API defines by type instead of by schema, such as bash and the text editor, with
// the schemas they have here. The facts are from Anthropic's tool documentation; the wording is ours.
import type { ClientTool } from '../../core/conversation.ts'
import { invalidField } from '../../errors.ts'

const text = { type: 'string' }
const commands = (...names: string[]) => ({ type: 'string', enum: names })
const range = { type: 'array', items: { type: 'integer' }, description: 'First and last line, from 1; -1 is the end.' }

function object(properties: Record<string, unknown>, ...required: string[]): Record<string, unknown> {
  return { type: 'object', properties, required }
}

const edits = {
  path: text,
  file_text: text,
  old_str: text,
  new_str: text,
  insert_line: { type: 'integer' },
  insert_text: text,
}

const bash: ClientTool = {
  name: 'bash',
  description: 'Runs a command in a bash shell that stays the same from call to call, and gives what it prints.',
  inputSchema: object({ command: text, restart: { type: 'boolean', description: 'Starts the shell anew instead.' } }),
}

const editor = (name: string, ...more: string[]): ClientTool => ({
  name,
  description:
    'Views, creates and edits text files: replaces a text that occurs exactly once, or inserts after a line.',
  inputSchema: object(
    { command: commands('view', 'create', 'str_replace', 'insert', ...more), ...edits, view_range: range },
    'command',
    'path',
  ),
})

const memory: ClientTool = {
  name: 'memory',
  description:
    'Keeps notes for later conversations, as files below /memories: view them, create, change, delete, rename.',
  inputSchema: object(
    {
      command: commands('view', 'create', 'str_replace', 'insert', 'delete', 'rename'),
      ...edits,
      view_range: range,
      old_path: text,
      new_path: text,
    },
    'command',
  ),
}

const toolsByType: [RegExp, ClientTool][] = [
  [/^bash_\d+$/, bash],
  [/^text_editor_20241022$|^text_editor_20250124$/, editor('str_replace_editor', 'undo_edit')],
  [/^text_editor_\d+$/, editor('str_replace_based_edit_tool')],
  [/^memory_\d+$/, memory],
]

/** The client runs these with a screen or browser, which the model cannot see here. */
const needsScreen = /^(?:computer|browser)/

/** Whether the client runs tools of that type, which may be absent. */
export const isClientToolType = (type: unknown): boolean =>
  !type || type === 'custom' || toolsByType.some(([pattern]) => pattern.test(String(type)))

/** The tool of that type, or null if Anthropic's own servers would run it. Throws if the tool cannot be offered. */
export function builtinTool(type: string, param: string): ClientTool | null {
  if (needsScreen.test(type)) {
    throw invalidField(param, `cannot be ${type.slice(0, 40)}: tools for screens and browsers are not supported`)
  }
  return toolsByType.find(([pattern]) => pattern.test(type))?.[1] ?? null
}
