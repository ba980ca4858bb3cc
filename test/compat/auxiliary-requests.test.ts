// Detection of auxiliary requests: by the beginnings of the templates that programs really send, and not by anything
// that a person would write.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AuxiliaryHints, isAuxiliaryRequest } from '../../src/compat/auxiliary-requests.ts'
import type { ConversationMessage } from '../../src/core/conversation.ts'

const text = (value: string) => ({ type: 'text' as const, text: value })
const talk: ConversationMessage[] = [
  { role: 'user', content: [text('How do I bake bread?')] },
  { role: 'assistant', content: [text('With flour, water, salt and yeast.')] },
]

const hintsOf = (hints: Partial<AuxiliaryHints>): AuxiliaryHints => ({
  systemPrompt: '',
  history: [],
  prompt: [text('hi')],
  toolCount: 0,
  ...hints,
})

const inPrompt = (value: string): Partial<AuxiliaryHints> => ({ prompt: [text(value)] })
const history = '\n### Chat History:\n<chat_history>\nUSER: How do I bake bread?\n</chat_history>'

const auxiliary: [title: string, hints: Partial<AuxiliaryHints>][] = [
  [
    'Open WebUI asks for a title',
    inPrompt(
      `### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n### Guidelines:${history}`,
    ),
  ],
  [
    'Open WebUI asks for tags',
    inPrompt(
      `### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history, along with${history}`,
    ),
  ],
  [
    'Open WebUI asks for follow-up questions',
    inPrompt(
      `### Task:\nSuggest 3-5 relevant follow-up questions or prompts that the user might naturally ask next${history}`,
    ),
  ],
  [
    'Open WebUI asks for search queries',
    inPrompt(
      `### Task:\nAnalyze the chat history to determine the necessity of generating search queries, in the${history}`,
    ),
  ],
  [
    'Open WebUI completes the text being typed',
    inPrompt(
      '### Task:\nYou are an autocompletion system. Continue the text in `<text>` based on the **completion type**',
    ),
  ],
  [
    'opencode asks for a title',
    {
      systemPrompt:
        'You are a title generator. You output ONLY a thread title. Nothing else.\n\n<task>\nGenerate a brief title',
      prompt: [text('Generate a title for this conversation:\n'), text('How do I bake bread?')],
    },
  ],
  [
    'LibreChat asks for a title',
    inPrompt(
      'Provide a concise, 5-word-or-less title for the conversation, using title case conventions. Only return the title itself.\n\nConversation:\nUser: How do I bake bread?',
    ),
  ],
  [
    'an older LibreChat asks for a title',
    {
      systemPrompt:
        'Please generate a concise, 5-word-or-less title for the conversation, using its same language, with no punctuation.',
      prompt: [text('||>Title:')],
    },
  ],
  [
    'Zed asks for a title after the conversation',
    {
      history: talk,
      prompt: [
        text(
          "Generate a concise 3-7 word title for this conversation, omitting punctuation.\nGo straight to the title, without any preamble and prefix like `Here's a concise suggestion:...` or `Title:`.",
        ),
      ],
    },
  ],
  [
    'Claude Code asks for a title',
    {
      systemPrompt:
        "You are Claude Code, Anthropic's official CLI for Claude.\n\nGenerate a concise, sentence-case title (3-7 words) that captures the main topic or goal of this coding session. The title should be clear enough that the user recognizes the session in a list.",
    },
  ],
  [
    'an older Claude Code asks for a title',
    {
      systemPrompt:
        'Summarize this coding conversation in under 50 characters.\nCapture the main task, key files, problems addressed, and current status.',
    },
  ],
  [
    'another program asks for a title',
    { systemPrompt: 'You will generate a short title based on the first message a user begins a conversation with' },
  ],
]
for (const [title, hints] of auxiliary) {
  test(`${title}: an auxiliary request`, () => {
    assert.equal(isAuxiliaryRequest(hintsOf(hints)), true)
  })
}

test('a template is recognized in the last text of a prompt, among images', () => {
  const picture = { type: 'image' as const, source: { type: 'base64' as const, media_type: 'image/png', data: 'aaaa' } }
  const prompt = [text('How do I bake bread?'), text('Generate a title for this conversation:'), picture]
  assert.equal(isAuxiliaryRequest(hintsOf({ prompt })), true)
})

test('a template is recognized in the first text of a conversation that continues from it', () => {
  const first: ConversationMessage = { role: 'user', content: [text('Generate a title for this conversation:')] }
  const conversation: ConversationMessage[] = [first, { role: 'assistant', content: [text('Which one?')] }]
  assert.equal(isAuxiliaryRequest(hintsOf({ history: conversation, prompt: [text('How do I bake bread?')] })), true)
})

const rag =
  '### Task:\nRespond to the user query using the provided context, incorporating inline citations in the format [id].\n\n### Guidelines:\n- If uncertain, ask the user for clarification.\n\n<context>\n<source id="1">Flour</source>\n</context>\n\nHow do I bake bread?'

const ordinary: [title: string, hints: Partial<AuxiliaryHints>][] = [
  ['a greeting', {}],
  ['a question in a conversation', { history: talk, prompt: [text('And without yeast?')] }],
  ['a question about titles', inPrompt('What makes a good title?')],
  ['a title for something else', inPrompt('Generate a title for my blog post about bread.')],
  ['a task in words of its own', inPrompt('### Tasks for today:\n- bake bread')],
  ['a summary', inPrompt('Summarize this conversation.')],
  ['tags of another kind', inPrompt('Write the HTML tags for a table of three rows.')],
  ['a topic of another kind', inPrompt('Create a Kafka topic and send a message to it.')],
  ['a question of Open WebUI with documents', inPrompt(rag)],
  [
    'a conversation of Open WebUI that began with documents',
    {
      history: [
        { role: 'user', content: [text(rag)] },
        { role: 'assistant', content: [text('With flour [1].')] },
      ],
    },
  ],
  ['a system prompt for conversations', { systemPrompt: 'You are a helpful assistant in a conversation about bread.' }],
  ['a prompt without a text', { prompt: [] }],
]
for (const [title, hints] of ordinary) {
  test(`${title}: not an auxiliary request`, () => {
    assert.equal(isAuxiliaryRequest(hintsOf(hints)), false)
  })
}

for (const [title, hints] of auxiliary) {
  test(`${title}, but with tools: not an auxiliary request`, () => {
    assert.equal(isAuxiliaryRequest(hintsOf({ ...hints, toolCount: 1 })), false)
  })
}

const mentionsLate = `${'Bread is made of flour, water, salt and yeast. '.repeat(13)}Generate a title for this conversation.`

test('a long text that mentions a title late is not an auxiliary request, wherever it is', () => {
  assert.ok(mentionsLate.indexOf('Generate') > 600)
  const variants: Partial<AuxiliaryHints>[] = [
    inPrompt(mentionsLate),
    { systemPrompt: mentionsLate },
    { history: [{ role: 'user', content: [text(mentionsLate)] }, ...talk.slice(1)] },
  ]
  for (const hints of variants) assert.equal(isAuxiliaryRequest(hintsOf(hints)), false)
})

test('a title that the model mentions does not make a request auxiliary', () => {
  const history: ConversationMessage[] = [
    ...talk.slice(0, 1),
    { role: 'assistant', content: [text('Shall I generate a title for this conversation?')] },
  ]
  assert.equal(isAuxiliaryRequest(hintsOf({ history, prompt: [text('Yes.')] })), false)
})
