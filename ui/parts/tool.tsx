// A call of a tool: one line that says what, which opens to its input and what came of it.
import type { Part } from '../lib/turn.ts'
import { CodeBlock } from './code-block.tsx'

/** Of a result no more than this is shown at once, in characters. */
const shownMax = 20_000

/** What a tool is going to do, in one line: the first of these that its input has. */
const telling = ['command', 'file_path', 'path', 'pattern', 'url', 'query', 'description', 'prompt']

function summaryOf(input: unknown): string {
  if (typeof input !== 'object' || input === null) return ''
  const fields = input as Record<string, unknown>
  const name = telling.find((each) => typeof fields[each] === 'string')
  return name === undefined ? '' : String(fields[name]).split('\n', 1)[0]?.slice(0, 200) || ''
}

/** All of it: who allows a tool must have seen what it is given. */
export function ToolInput({ input }: { input: unknown }) {
  const { command, ...others } = Object(input) as Record<string, unknown>
  if (typeof command !== 'string') return <CodeBlock text={JSON.stringify(input, null, 2)} language="json" />
  return (
    <>
      <CodeBlock text={command} language="bash" />
      {Object.keys(others).length === 0 ? null : <CodeBlock text={JSON.stringify(others, null, 2)} language="json" />}
    </>
  )
}

export function Tool({ tool, isOver }: { tool: Extract<Part, { kind: 'tool' }>; isOver: boolean }) {
  const { name, input, result } = tool
  const state = result === null ? (isOver ? 'without a result' : 'working') : result.isError ? 'failed' : 'done'
  return (
    <details class={`tool ${state.split(' ')[0]}`}>
      <summary>
        <b>{name}</b> <span class="what">{summaryOf(input)}</span> <span class="state">{state}</span>
      </summary>
      <ToolInput input={input} />
      {result === null ? null : (
        <>
          <h4>{result.isError ? 'What went wrong' : 'What came of it'}</h4>
          <CodeBlock text={cut(result.text) || '(nothing)'} language="" />
        </>
      )}
    </details>
  )
}

const cut = (text: string) =>
  text.length <= shownMax ? text : `${text.slice(0, shownMax)}\n… ${text.length - shownMax} characters more`
