// Descriptions of the native API's schemas and their fields.
import type { Words } from './describe.ts'

const tokens = {
  input_tokens: 'Tokens of the prompt that were not read from the cache.',
  output_tokens: 'Tokens that the model wrote.',
  cache_read_input_tokens: 'Tokens of the prompt that were read from the cache.',
  cache_creation_input_tokens: 'Tokens of the prompt that were written to the cache.',
}

const nextCursor = 'Pass it as `cursor` to get the next page; null on the last page.'

const answer = {
  result: "Claude's answer, as text.",
  session_id: 'The conversation. Send it again to continue; `claude --resume` continues it in a terminal.',
  cost_usd: 'What the run cost in US dollars, as reported by the CLI; null if unknown.',
  usage: "Tokens as the model's API counts them, under the API's own field names.",
  model: 'The full name of the model that answered.',
  run_id: 'The run: see `/v1/runs/{id}`.',
  num_turns: 'How many requests the model answered, including those with tool results.',
  duration_ms: 'How long the run took, in milliseconds.',
  stop_reason: 'Why the model stopped, as the API reports it: `end_turn`, `max_tokens` …',
  structured_output: 'The answer that matches `json_schema`; null if no schema was sent.',
  permission_denials: 'Tool calls that were denied.',
  'permission_denials[].tool_name': 'The tool, such as `Bash`.',
  'permission_denials[].tool_use_id': 'The id of the call.',
  'permission_denials[].tool_input': 'The input of the call.',
}

const chatRequest: Words = {
  about: 'One prompt and its options. A prompt without options works as with `claude -p`.',
  fields: {
    prompt:
      'Text or content blocks, taken literally: nothing in it is a flag, a command or a file mention, unless `commands` is true.',
    'prompt[].type': 'The type of block.',
    'prompt[].text': 'The text.',
    'prompt[].source': 'The data itself: the server does not fetch URLs.',
    'prompt[].source.type': '`base64`, or `text` for a plain document.',
    'prompt[].source.media_type': 'The media type; the data must start as files of that type do.',
    'prompt[].source.data': 'The data in base64, without a `data:` prefix, or the text of a plain document.',
    'prompt[].title': 'The name of the document.',
    'prompt[].context': 'What the model should know about the document.',
    commands: 'Lets a leading `/command` and mentions such as `@file` work as in the CLI. Default: false.',
    session_id: 'Continues this conversation, in its own folder unless `cwd` names another.',
    fork: 'With `session_id`: starts a new conversation as a copy of it. Default: false.',
    model: "A model name, such as `sonnet`. Default: the CLI's own choice.",
    fallback_model: 'The model to use if the first one is overloaded.',
    system_prompt: "Replaces Claude Code's own system prompt.",
    append_system_prompt: "Appended to Claude Code's own system prompt.",
    max_budget_usd: 'The run ends with `budget_exceeded` once it has cost more than this, in US dollars.',
    max_turns: 'How many requests to the model the run may make.',
    permission_mode:
      'What tools may do without permission: `default`, `acceptEdits`, `plan`, `dontAsk`, or another mode that the server allows.',
    allowed_tools: 'Rules for what needs no permission, in the syntax of the CLI: `Read`, `Bash(git log *)`.',
    disallowed_tools: 'Rules for what is denied.',
    tools: 'The built-in tools that exist for the run; an empty list for none. Default: all.',
    cwd: "The folder that Claude works in, as an absolute path. Default: the conversation's folder, otherwise the server's.",
    add_dirs: 'Additional folders that tools may use.',
    effort: 'How much the model thinks.',
    json_schema: 'A JSON Schema. The validated answer is in `structured_output`.',
    mcp_servers: 'MCP servers by name, as in `.mcp.json`. A server without a `type` is started as a program.',
    'mcp_servers.type': 'The transport. Default: `stdio`.',
    'mcp_servers.command': 'The program.',
    'mcp_servers.args': 'Its arguments.',
    'mcp_servers.env': 'Its environment.',
    'mcp_servers.url': 'The URL of the server.',
    'mcp_servers.headers': 'Headers sent with each request to it.',
    'mcp_servers.timeout': 'How long a call may take, in milliseconds.',
    agents: 'Sub-agents by name, in the syntax of the CLI.',
    'agents.description': 'When to use the agent.',
    'agents.prompt': "The agent's system prompt.",
    setting_sources: 'Which settings files apply. Default: all three, as with `claude -p`.',
    timeout_s:
      'How long the run may take, in seconds. Default: `--request-timeout`, 300; at most `--max-request-timeout`.',
    approvals: 'Asks for permission over the API instead of denying: see `pending` of a run. Default: false.',
    background: 'Returns 202 and the run at once; the run continues without the connection. Default: false.',
    on_crash: 'With `background`: `restart` starts the run again if the server dies. Default: `fail`.',
    events: 'For streams: `full` adds thinking, tools and other events. Default: `default`.',
    metadata: 'At most 16 strings under names of your own, stored with the run.',
  },
}

const run: Words = {
  about: 'A run: one prompt and everything that came of it. Stored for a week.',
  fields: {
    id: 'Its id.',
    surface: 'The API that the request used: `native`, `openai` or `anthropic`.',
    status: 'The status; `waiting` means that something `pending` needs an answer.',
    session_id: answer.session_id,
    model: 'The full name of the model; until the run has started, the requested name.',
    cwd: 'The folder that Claude works in; until the run has started, the requested one.',
    background: 'Whether it continues without its connection.',
    metadata: 'As in the request.',
    created_at: 'When it was accepted.',
    started_at: 'When it got a process.',
    ended_at: 'When it ended.',
    pending: 'Permissions and questions that are waiting for an answer, as in the stream.',
    result: answer.result,
    structured_output: answer.structured_output,
    cost_usd: answer.cost_usd,
    usage: answer.usage,
    num_turns: answer.num_turns,
    duration_ms: answer.duration_ms,
    stop_reason: answer.stop_reason,
    error: 'Why it did not succeed; null otherwise.',
    'error.error': 'What went wrong, as a sentence.',
    'error.code': 'The error code, for programs.',
    'error.details': 'Facts for programs.',
  },
}

const approval = {
  request_id: 'The id to answer to: the last part of the path.',
  tool_use_id: 'The id of the call.',
}

const events: Record<string, Words> = {
  StartEvent: {
    about: 'The first event: the run has started.',
    fields: { session_id: answer.session_id, model: 'The full name of the model.', run_id: answer.run_id },
  },
  DeltaEvent: { about: 'More of the answer, as it arrives from the model.', fields: { text: 'The next part.' } },
  DoneEvent: { about: 'The last event of a run that succeeded, with the whole answer.', fields: answer },
  ErrorEvent: {
    about: 'The last event of a run that did not succeed, with the same fields as an error answer.',
    fields: { error: 'What went wrong, as a sentence.', code: 'The error code, for programs.' },
  },
  ThinkingEvent: { about: "More of the model's thinking.", fields: { text: 'The next part.' } },
  ToolUseEvent: {
    about: 'The model calls a tool; the input is complete.',
    fields: { id: 'The id of the call.', name: 'The tool, such as `Bash`.', input: 'The input of the call.' },
  },
  ToolResultEvent: {
    about: 'The result of a tool call.',
    fields: { tool_use_id: 'The id of the call.', is_error: 'Whether it failed.', text: 'The result as text.' },
  },
  PermissionRequestEvent: {
    about: 'The run is waiting for a permission. Answer with `POST /v1/runs/{id}/permissions/{request_id}`.',
    fields: {
      ...approval,
      tool_name: 'The tool, such as `Bash`.',
      input: 'The input of the call.',
      description: 'What the call would do, as the tool describes it.',
      blocked_path: 'The path outside the allowed folders, if that is the reason.',
      suggestions: 'Rules that the CLI offers to remember.',
    },
  },
  QuestionEvent: {
    about:
      "The run is waiting for answers to Claude's questions. Answer with `POST /v1/runs/{id}/answers/{request_id}`.",
    fields: { ...approval, questions: "The questions with their options, as Claude Code's own tool has them." },
  },
  StatusEvent: {
    about: 'The CLI is retrying a request to the API, or an approval was answered.',
    fields: {
      attempt: 'The number of the next attempt.',
      delay_ms: 'How long it waits before that, in milliseconds.',
      upstream_status: "The status that the model's API returned; null if there was none.",
      request_id: 'The approval that was answered.',
      behavior: 'The answer.',
      by: 'Who answered: `caller`, `timeout` if nobody did, or `run` if the run ended first.',
    },
  },
}

const summary = {
  session_id: "The conversation's id in the CLI.",
  title: 'Its title.',
  first_prompt: 'The start of its first prompt.',
  cwd: 'The folder that it belongs to.',
  created_at: 'When it started.',
  updated_at: 'When it was last continued.',
  model: 'The model that last answered through this server; null for conversations held only in a terminal.',
  running: 'The id of the run that holds it now.',
}

const sessions: Record<string, Words> = {
  SessionSummary: { about: 'A conversation in a list.', fields: summary },
  SessionUsage: {
    about: "What this server's own runs of the conversation have used; turns in a terminal are not included.",
    fields: { runs: 'How many runs.', ...tokens },
  },
  Session: {
    about: 'A conversation.',
    fields: {
      ...summary,
      cost_usd: "What this server's own runs of it have cost, in US dollars.",
      usage: 'What they have used.',
      resume_command: 'Continues it in a terminal, for a POSIX shell; null if the folder name cannot be pasted safely.',
    },
  },
  SessionList: {
    about: 'A page of conversations, most recently used first.',
    fields: { sessions: 'The conversations.', next_cursor: nextCursor },
  },
  SessionBlock: {
    about: 'A part of a message.',
    fields: {
      type: 'The type of part.',
      text: 'The text.',
      media_type: 'What kind of file it was.',
      bytes: 'Its size in bytes; the data itself is not included.',
      name: 'The name of the tool; for `other`, the type of the block.',
      thinking: 'What the model thought.',
      id: 'The id of the call.',
      input: 'The input of the call.',
      tool_use_id: 'The id of the call.',
      is_error: 'Whether it failed.',
      content: 'The result.',
    },
  },
  MessageList: {
    about: 'A page of the messages of a conversation, in order.',
    fields: {
      messages: 'The messages.',
      'messages[].id': "Its id in the CLI's file.",
      'messages[].role': 'Whose message it is.',
      'messages[].created_at': 'When it was written.',
      'messages[].content': 'Its content.',
      next_cursor: nextCursor,
    },
  },
  SessionPatch: { about: 'What can be changed.', fields: { title: 'The new title, of at most 200 characters.' } },
  SessionFork: {
    about: 'Options of the copy.',
    fields: { title: 'Its title. Default: a title that marks it as a copy.' },
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
      behavior: '`allow` or `deny`.',
      updated_input: 'With `allow`: the complete input to use instead of the requested one.',
      message: 'With `deny`: the reason that Claude gets.',
      remember:
        "With `allow`: similar calls need no permission for as long as the conversation's process lives. Default: false.",
    },
  },
  QuestionAnswer: {
    about: "Answers to Claude's questions.",
    fields: {
      answers:
        "One answer per question, under the question's own text: the label of an option, several labels if several may be chosen, or your own words.",
    },
  },
  Usage: {
    about: 'What runs have used and cost.',
    fields: {
      from: 'Runs that ended at or after this time are counted.',
      to: 'Runs that ended before this time are counted.',
      group_by: 'The grouping.',
      groups: 'The totals of each group.',
      'groups[].group': 'A day in UTC, a model, a session id or a key id; null for none.',
      ...below('groups[]', usageSum),
      total: 'The total of all groups.',
      ...below('total', usageSum),
    },
  },
  ...sessions,
  Login: {
    about: 'A key in exchange for the code.',
    fields: {
      key: 'The key; it is shown only once.',
      expires_at: 'When it expires.',
    },
  },
  Health: {
    about: 'The state of the server and of the CLI, without starting a process.',
    fields: {
      claude_version: "The CLI's version.",
      version: "This server's version.",
      uptime_s: 'How long the server has been running, in seconds.',
      logged_in: 'Whether the CLI is logged in; null if not known yet.',
      auth_method: 'The login method, as reported by the CLI.',
      claude_path: 'The executable.',
      demo: 'Whether a scripted model answers instead of Claude.',
      processes: 'The CLI processes.',
      ...below('processes', {
        live: 'All processes.',
        idle: 'Processes that wait for a next turn.',
        spare: 'Processes that are ready for a new conversation.',
        busy: 'Processes that are working.',
        starting: 'Processes that are not ready yet.',
        max: 'The limit.',
      }),
      queue: 'Runs that wait for a process.',
      'queue.waiting': 'How many.',
      'queue.limit': 'The limit.',
    },
  },
  Error: {
    about: 'Every error answer of the native API. Facts about a run are at the top level and in `details`.',
    more: {
      session_id: { type: 'string' },
      cost_usd: { type: ['number', 'null'] },
      stderr: { type: 'string' },
      returncode: { type: ['integer', 'null'] },
      upstream_status: { type: 'integer' },
    },
    fields: {
      error: 'What went wrong and how to fix it.',
      code: 'The error code, for programs. Codes never change their meaning.',
      request_id: 'The id of the request in the log.',
      details: 'Facts for programs: `field`, `run_id`, `retry_after_s` and others.',
      session_id: 'The conversation that the run belonged to.',
      cost_usd: 'What the run had cost, in US dollars.',
      stderr: "The end of the CLI's stderr, with secrets masked.",
      returncode: "The CLI's exit code.",
      upstream_status: "The status that the model's API returned to the CLI.",
    },
  },
}
