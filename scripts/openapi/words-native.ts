// What the schemas of the native API and their fields mean, for people.
import type { Words } from './describe.ts'

const tokens = {
  input_tokens: 'Tokens of the prompt that no cache held.',
  output_tokens: 'Tokens that the model wrote.',
  cache_read_input_tokens: 'Tokens of the prompt that the cache held.',
  cache_creation_input_tokens: 'Tokens of the prompt that were put into the cache.',
}

const nextCursor = 'To be given as `cursor` for the next page; null on the last one.'

const answer = {
  result: "Claude's answer, as text.",
  session_id: 'The conversation: send it again to go on, also in a terminal with `claude --resume`.',
  cost_usd: 'What the run cost, in US dollars, as the CLI tells it; null where it does not.',
  usage: "Tokens, as the model's API counts them; the fields are its own.",
  model: 'The full name of the model that answered.',
  run_id: 'The run: see `/v1/runs/{id}`.',
  num_turns: 'How often the model was asked, with the results of tools among them.',
  duration_ms: 'How long the run took, in milliseconds.',
  stop_reason: "Why the model stopped, in the API's words: `end_turn`, `max_tokens` …",
  structured_output: 'The answer that fits `json_schema`; null where none was asked for.',
  permission_denials: 'Calls of tools that were not allowed.',
  'permission_denials[].tool_name': 'The tool, such as `Bash`.',
  'permission_denials[].tool_use_id': 'The id of the call.',
  'permission_denials[].tool_input': 'What it would have been called with.',
}

const chatRequest: Words = {
  about: 'One prompt, and how Claude Code is to take it. With the prompt alone it means what `claude -p` means.',
  fields: {
    prompt:
      'A text, or content blocks. It is taken literally: nothing in it is a flag, a command or a mention of a file, unless `commands` is true.',
    'prompt[].type': 'The kind of block.',
    'prompt[].text': 'The text.',
    'prompt[].source': 'The data itself: this server fetches no addresses.',
    'prompt[].source.type': '`base64`, or `text` for a plain document.',
    'prompt[].source.media_type': 'What the data is; it must begin as such files do.',
    'prompt[].source.data': 'The data, in base64 without a `data:` prefix; or the text of a plain document.',
    'prompt[].title': 'The name of the document.',
    'prompt[].context': 'What the model should know of the document.',
    commands: 'Lets a leading `/command` and mentions such as `@file` act as they do in the CLI. Default: false.',
    session_id: 'Goes on with this conversation, in its own folder unless `cwd` names another.',
    fork: 'With `session_id`: a new conversation that begins as a copy of it. Default: false.',
    model: "A model's name, such as `sonnet`. Default: the CLI's own.",
    fallback_model: 'The model that is asked where the first one is overloaded.',
    system_prompt: "Replaces Claude Code's own system prompt.",
    append_system_prompt: "Comes after Claude Code's own system prompt.",
    max_budget_usd: 'The run ends with `budget_exceeded` when it has cost more than this, in US dollars.',
    max_turns: 'How often the model may be asked within the run.',
    permission_mode:
      'What tools may do without being asked about: `default`, `acceptEdits`, `plan`, `dontAsk`, or another that the server allows.',
    allowed_tools: 'Rules for what needs no permission, as the CLI takes them: `Read`, `Bash(git log *)`.',
    disallowed_tools: 'Rules for what is denied.',
    tools: 'The built-in tools that there are at all; an empty list for none. Default: all of them.',
    cwd: "The folder that Claude works in, as an absolute path. Default: the conversation's, or else the server's.",
    add_dirs: 'Further folders that tools may use.',
    effort: 'How much the model is to think.',
    json_schema: 'A JSON Schema: the answer comes validated in `structured_output`.',
    mcp_servers: 'MCP servers by name, as in `.mcp.json`. One without a `type` is started as a program.',
    'mcp_servers.type': 'How the server is reached. Default: `stdio`.',
    'mcp_servers.command': 'The program.',
    'mcp_servers.args': 'Its arguments.',
    'mcp_servers.env': 'Its environment.',
    'mcp_servers.url': 'The address of the server.',
    'mcp_servers.headers': 'Headers that each request to it carries.',
    'mcp_servers.timeout': 'How long a call may take, in milliseconds.',
    agents: 'Sub-agents by name, as the CLI takes them.',
    'agents.description': 'When the agent is to be used.',
    'agents.prompt': "The agent's system prompt.",
    setting_sources: 'Which of the settings files count. Default: all three, as with `claude -p`.',
    timeout_s:
      'How long the run may take, in seconds. Default: `--request-timeout`, 300; at most `--max-request-timeout`.',
    approvals: 'Asks over the API for what would be denied otherwise: see `pending` of a run. Default: false.',
    background: 'Answers 202 at once with the run, which goes on without the connection. Default: false.',
    on_crash: 'With `background`: `restart` begins the run anew if the server dies. Default: `fail`.',
    events: 'Of a stream: `full` adds thinking, tools and more to the events. Default: `default`.',
    metadata: 'At most 16 texts under names of your own, kept with the run.',
  },
}

const run: Words = {
  about: 'A run: one prompt and all that came of it. Kept for a week.',
  fields: {
    id: 'Its id.',
    surface: 'The API that it was asked for by: `native`, `openai` or `anthropic`.',
    status: 'Where it is; `waiting` is for an answer to what is `pending`.',
    session_id: answer.session_id,
    model: 'The full name of the model; until the run has begun, what was asked for.',
    cwd: 'The folder that Claude works in; until the run has begun, the one that was named.',
    background: 'Whether it goes on without its connection.',
    metadata: 'As in the request.',
    created_at: 'When it was accepted.',
    started_at: 'When it had a process.',
    ended_at: 'When it ended.',
    pending: 'What waits for an answer: permissions and questions, as in the stream.',
    result: answer.result,
    structured_output: answer.structured_output,
    cost_usd: answer.cost_usd,
    usage: answer.usage,
    num_turns: answer.num_turns,
    duration_ms: answer.duration_ms,
    stop_reason: answer.stop_reason,
    error: 'Why it did not succeed; null otherwise.',
    'error.error': 'What went wrong, in a sentence.',
    'error.code': 'The same as a word that programs compare.',
    'error.details': 'Facts for programs.',
  },
}

const ask = {
  request_id: 'What an answer is sent to: the last part of its path.',
  tool_use_id: 'The id of the call.',
}

const events: Record<string, Words> = {
  StartEvent: {
    about: 'The first event: the run has begun.',
    fields: { session_id: answer.session_id, model: 'The full name of the model.', run_id: answer.run_id },
  },
  DeltaEvent: { about: 'More of the answer, as it comes from the model.', fields: { text: 'The next piece.' } },
  DoneEvent: { about: 'The last event of a run that succeeded, with the whole answer.', fields: answer },
  ErrorEvent: {
    about: 'The last event of a run that did not succeed. It carries what an error answer does.',
    fields: { error: 'What went wrong, in a sentence.', code: 'The same as a word that programs compare.' },
  },
  ThinkingEvent: { about: "More of the model's thinking.", fields: { text: 'The next piece.' } },
  ToolUseEvent: {
    about: 'The model calls a tool; the input is complete.',
    fields: { id: 'The id of the call.', name: 'The tool, such as `Bash`.', input: 'What it is called with.' },
  },
  ToolResultEvent: {
    about: 'What came of a call.',
    fields: { tool_use_id: 'The id of the call.', is_error: 'Whether it failed.', text: 'What it gave, as text.' },
  },
  PermissionRequestEvent: {
    about: 'The run waits for a permission: answer it under `/v1/runs/{id}/permissions/{request_id}`.',
    fields: {
      ...ask,
      tool_name: 'The tool, such as `Bash`.',
      input: 'What it would be called with.',
      description: 'What the tool says of the call.',
      blocked_path: 'The path that is outside of the allowed folders.',
      suggestions: 'The rules that the CLI would remember.',
    },
  },
  QuestionEvent: {
    about:
      'The run waits for an answer to questions of Claude: answer them under `/v1/runs/{id}/answers/{request_id}`.',
    fields: { ...ask, questions: "The questions with their options, as Claude Code's own tool has them." },
  },
  StatusEvent: {
    about: 'What goes on: the CLI asks the API again, or a request for permission was answered.',
    fields: {
      attempt: 'Which try comes next.',
      delay_ms: 'How long it waits before, in milliseconds.',
      upstream_status: "The status that the model's API gave; null where it gave none.",
      request_id: 'What was answered.',
      behavior: 'How it was answered.',
      by: 'Who answered: `timeout` where nobody did, `run` where it ended first.',
    },
  },
}

const summary = {
  session_id: "The conversation's id, the CLI's own.",
  title: 'Its title.',
  first_prompt: 'The beginning of its first prompt.',
  cwd: 'The folder that it belongs to.',
  created_at: 'When it began.',
  updated_at: 'When it was last gone on with.',
  model: 'The model that last answered here; null for what was said in a terminal only.',
  running: 'The id of the run that holds it now.',
}

const sessions: Record<string, Words> = {
  SessionSummary: { about: 'A conversation, as it is listed.', fields: summary },
  SessionUsage: {
    about: "What this server's own runs of the conversation have used; turns in a terminal are not among them.",
    fields: { runs: 'How many runs.', ...tokens },
  },
  Session: {
    about: 'A conversation.',
    fields: {
      ...summary,
      cost_usd: "What this server's own runs of it have cost, in US dollars.",
      usage: 'What they have used.',
      resume_command:
        'Goes on with it in a terminal, for a POSIX shell; null where the name of the folder cannot be pasted safely.',
    },
  },
  SessionList: {
    about: 'A page of conversations, the last used first.',
    fields: { sessions: 'The conversations.', next_cursor: nextCursor },
  },
  SessionBlock: {
    about: 'A part of a message.',
    fields: {
      type: 'The kind of part.',
      text: 'The text.',
      media_type: 'What kind of file it was.',
      bytes: 'How large it was; the data itself is left out.',
      name: 'The tool; of `other`, the kind that has no place here.',
      thinking: 'What the model thought.',
      id: 'The id of the call.',
      input: 'What the tool was called with.',
      tool_use_id: 'The id of the call.',
      is_error: 'Whether it failed.',
      content: 'What it gave.',
    },
  },
  MessageList: {
    about: 'A page of the messages of a conversation, in order.',
    fields: {
      messages: 'The messages.',
      'messages[].id': 'Its id in the file of the CLI.',
      'messages[].role': 'Who said it.',
      'messages[].created_at': 'When.',
      'messages[].content': 'What was said.',
      next_cursor: nextCursor,
    },
  },
  SessionPatch: { about: 'What can be changed.', fields: { title: 'The new title, of at most 200 characters.' } },
  SessionFork: {
    about: 'How the copy is to be.',
    fields: { title: 'Its title. Default: one that tells of the copy.' },
  },
}

const usageSum = { runs: 'How many runs ended.', ...tokens, cost_usd: 'What they cost, in US dollars.' }

const below = (name: string, fields: Record<string, string>) =>
  Object.fromEntries(Object.entries(fields).map(([field, text]) => [`${name}.${field}`, text]))

export const nativeWords: Record<string, Words> = {
  ChatRequest: chatRequest,
  ChatReply: { about: "Claude's answer.", fields: answer },
  ...events,
  Run: run,
  RunList: { about: 'A page of runs, the newest first.', fields: { runs: 'The runs.', next_cursor: nextCursor } },
  PermissionAnswer: {
    about: 'Whether the tool may be used.',
    fields: {
      behavior: 'Yes or no.',
      updated_input: 'With `allow`: the whole input, in place of the one that was asked about.',
      message: 'With `deny`: what Claude is told.',
      remember: "With `allow`: asks no more for the like, as long as the conversation's process lives. Default: false.",
    },
  },
  QuestionAnswer: {
    about: 'Answers to questions of Claude.',
    fields: {
      answers:
        "By the question's own words, one for each: the label of an option, several labels where several may be chosen, or words of your own.",
    },
  },
  Usage: {
    about: 'What runs have used and cost.',
    fields: {
      from: 'The time from which on runs are counted, by their end.',
      to: 'The time before which they are.',
      group_by: 'What they are grouped by.',
      groups: 'The sums of each group.',
      'groups[].group': 'A day in UTC, a model, the id of a session or of a key; null for none.',
      ...below('groups[]', usageSum),
      total: 'The sum of all.',
      ...below('total', usageSum),
    },
  },
  ...sessions,
  Login: {
    about: 'A key in place of the code that was sent.',
    fields: {
      key: 'The key, which is told this once.',
      expires_at: 'When it ends.',
    },
  },
  Health: {
    about: 'What the server knows of itself and of the CLI, without asking it.',
    fields: {
      claude_version: "The CLI's version.",
      version: "This server's version.",
      uptime_s: 'How long it has run, in seconds.',
      logged_in: 'Whether the CLI is logged in; null until that is known.',
      auth_method: 'How it is logged in, in its own words.',
      claude_path: 'The executable.',
      demo: 'Whether a scripted model answers instead of Claude.',
      processes: 'The CLI processes.',
      ...below('processes', {
        live: 'All that there are.',
        idle: 'Those that wait for the next turn of their conversation.',
        spare: 'Those that are ready for a new one.',
        busy: 'Those at work.',
        starting: 'Those that are not ready yet.',
        max: 'How many there may be.',
      }),
      queue: 'Runs that wait for a process.',
      'queue.waiting': 'How many.',
      'queue.limit': 'How many there may be.',
    },
  },
  Error: {
    about: 'Every error answer of the native API. What is known of a run stands at the top and in `details`.',
    more: {
      session_id: { type: 'string' },
      cost_usd: { type: ['number', 'null'] },
      stderr: { type: 'string' },
      returncode: { type: ['integer', 'null'] },
      upstream_status: { type: 'integer' },
    },
    fields: {
      error: 'What went wrong, in a sentence that says what to do.',
      code: 'The same as a word that programs compare. Codes never change their meaning.',
      request_id: 'The request, for the log.',
      details: 'Facts for programs: `field`, `run_id`, `retry_after_s` and others.',
      session_id: 'The conversation that the run belonged to.',
      cost_usd: 'What the run had cost, in US dollars.',
      stderr: "The end of the CLI's messages, with secrets masked.",
      returncode: "The CLI's exit code.",
      upstream_status: "The status that the model's API gave the CLI.",
    },
  },
}
