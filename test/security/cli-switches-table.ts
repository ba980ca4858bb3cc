// What each switch of the CLI stops of what a prompt, a working folder or the user's own settings can do, as observed with CLI 2.1.330.
// Recorded by hand and measured again by cli-switches.test.ts: if a new CLI differs, check what the plain models are started with
// (src/claude/cli/plain-mode-options.ts) before you change a cell here.

export type Column = {
  name: string
  arguments: readonly string[]
  environment?: Readonly<Record<string, string>>
  /** Put in front of each prompt. */
  prefix?: string
}

const noAttachments = { CLAUDE_CODE_DISABLE_ATTACHMENTS: '1' }

/** Single switches that the server uses, on top of a bare `claude -p`, and last the full set, against which nothing works. */
export const columns: readonly Column[] = [
  { name: 'plain', arguments: [] },
  { name: '--tools=', arguments: ['--tools='] },
  { name: 'dontAsk', arguments: ['--permission-mode=dontAsk'] },
  { name: 'acceptEdits', arguments: ['--permission-mode=acceptEdits'] },
  { name: 'plan', arguments: ['--permission-mode=plan'] },
  { name: 'restricted', arguments: ['--restricted'] },
  { name: 'setting-sources=user', arguments: ['--setting-sources=user'] },
  { name: 'setting-sources=', arguments: ['--setting-sources='] },
  { name: 'disable-slash-commands', arguments: ['--disable-slash-commands'] },
  { name: 'no attachments', arguments: [], environment: noAttachments },
  { name: 'leading space', arguments: [], prefix: ' ' },
  {
    name: 'HARD',
    arguments: [
      ...['--restricted', '--strict-mcp-config', '--disable-slash-commands', '--tools='],
      ...['--permission-mode=dontAsk', '--permission-prompts=none'],
    ],
    environment: noAttachments,
    prefix: ' ',
  },
]

type Row = { attack: string; cells: string }

/** One mark for each column, in their order: ● the attack works, – it does not. */
export const rows = [
  { attack: 'a file elsewhere and ~/.ssh/id_rsa, mentioned in the prompt, are sent', cells: '●●●●●–●●●–●–' },
  { attack: 'a file of the folder, mentioned in the prompt, is sent', cells: '●●●●●●●●●–●–' },
  { attack: "/config in the prompt rewrites the user's settings", cells: '●●●●●●●●–●––' },
  { attack: '/heapdump in the prompt writes into the home folder', cells: '●●●●●●●●–●––' },
  { attack: "the repository's SessionStart hook runs", cells: '●●●●●–––●●●–' },
  { attack: "the repository's UserPromptSubmit hook runs", cells: '●●●●●–––●●●–' },
  { attack: "the repository's apiKeyHelper runs", cells: '●●●●●–––●●●–' },
  { attack: "the repository's .mcp.json server is started", cells: '●●●●●–––●●●–' },
  { attack: "requests and the user's key go where the repository says", cells: '●●●●●–––●●●–' },
  { attack: "the user's CLAUDE.md is sent", cells: '●●●●●–●–●●●–' },
  { attack: "the repository's CLAUDE.md is sent", cells: '●●●●●–––●●●–' },
  { attack: "the model's Bash uses what the user allowed in a terminal", cells: '●–●●––●–●●●–' },
  { attack: "the user's own hooks run", cells: '●●●●●–●–●●●–' },
  { attack: "the model's Read gets at ~/.ssh", cells: '––––●–––––––' },
  { attack: "the model's Bash writes in the folder", cells: '–––●––––––––' },
] as const satisfies readonly Row[]

/** The same for more of what a folder or a home can contain. */
export const moreRows = [
  { attack: "the repository's hooks of other events run", cells: '●●●●●–––●●●–' },
  { attack: "the repository's settings.local.json brings a hook that runs", cells: '●●●●●–––●●●–' },
  { attack: "the repository's CLAUDE.local.md and rules are sent", cells: '●●●●●–––●●●–' },
  { attack: "the repository's commands and skills are announced to the model", cells: '●–●●●–––––●–' },
  { attack: "the repository's agents are announced to the model", cells: '●–●●●–––●●●–' },
  { attack: "the repository's output style is the system prompt", cells: '●●●●●–––●●●–' },
  { attack: "the repository's default permission mode is obeyed", cells: '●●––––––●●●–' },
  { attack: "the repository's plugin is loaded", cells: '––––––––––––' },
  { attack: "other commands of the repository's settings run", cells: '––––––––––––' },
  { attack: "the user's MCP server is started", cells: '●●●●●–●–●●●–' },
  { attack: "the user's commands are announced to the model", cells: '●–●●●–●–––●–' },
] as const satisfies readonly Row[]

export type Attack = (typeof rows)[number]['attack'] | (typeof moreRows)[number]['attack']

export type Outcome = 'works' | 'is stopped'

export type Cell = { column: string; attack: Attack; expected: Outcome }

/** All cells, column by column, as each column is observed once. */
export const cells: readonly Cell[] = columns.flatMap(({ name }, index) =>
  [...rows, ...moreRows].map((row) => ({ column: name, attack: row.attack, expected: outcomeOf(row, index) })),
)

function outcomeOf({ attack, cells: marks }: Row, index: number): Outcome {
  const mark = marks[index]
  if (marks.length !== columns.length || (mark !== '●' && mark !== '–')) throw new Error(`${attack}: ${marks}`)
  return mark === '●' ? 'works' : 'is stopped'
}
