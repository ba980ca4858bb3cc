// No body keeps the event loop from everything else for longer than its size explains.
import { testIf } from '../helpers/extended.ts'
import { checkBlocking, checkUnparsed, shapes } from './blocking-bodies.ts'
import { anthropic, native, ollama, openai, responses } from './surfaces.ts'

/** Ends a test that hangs; no machine is this slow. */
const hang = { timeout: 120_000 }

const essential = [
  'an enum of objects in a tool, OpenAI',
  'a pattern that takes for ever in a schema for the answer, native',
  'messages, OpenAI',
  'unknown fields in messages, OpenAI',
  'braces in a prompt, responses',
]
/** The thread that compiles schemas is busy for seconds with more of them. */
const essentialInSmall = ['references in a tool, Anthropic']

for (const shape of shapes) {
  testIf(essential.includes(shape.title))(`9,900 times ${shape.title}`, hang, () => checkBlocking(shape, 9_900))
  testIf(essentialInSmall.includes(shape.title))(`1,000 times ${shape.title}`, hang, () => checkBlocking(shape, 1_000))
}

for (const surface of [native, openai, responses, anthropic, ollama]) {
  testIf(surface === native)(`a million fields are refused before they are parsed, ${surface.name}`, hang, () =>
    checkUnparsed(surface),
  )
}
