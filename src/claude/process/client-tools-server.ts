// The tools that a client defines, as an MCP server inside this process: the model sees them as its own. They never run
// here; a call ends the turn first (claude/cli/plain-mode-options.ts).
import type { McpServerConfig } from '@anthropic-ai/claude-agent-sdk'
import type { ClientTool } from '../../core/conversation.ts'

/** Read-only tools are called in parallel, so that an answer with several calls arrives complete. */
const annotations = { readOnlyHint: true }

const load = async () => ({
  ...(await import('@modelcontextprotocol/sdk/server/mcp.js')),
  ...(await import('@modelcontextprotocol/sdk/types.js')),
})

let library: Awaited<ReturnType<typeof load>> | null = null

/** Before the first server is made. The library is loaded only by requests that bring tools. */
export async function loadToolServers(): Promise<void> {
  library ??= await load()
}

/** Throws if the library was not loaded: see loadToolServers. */
export function toMcpServer(name: string, tools: readonly ClientTool[]): McpServerConfig {
  if (library === null) throw new Error('the library for the tools of clients was not loaded')
  const { McpServer, CallToolRequestSchema, ListToolsRequestSchema } = library
  const instance = new McpServer({ name, version: '1' }, { capabilities: { tools: {} } })
  const listed = tools.map((tool) => ({
    name: tool.name,
    description: tool.description,
    inputSchema: { ...tool.inputSchema, type: 'object' as const },
    annotations,
  }))
  instance.server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: listed }))
  instance.server.setRequestHandler(CallToolRequestSchema, () => {
    throw new Error('this tool is run by the client')
  })
  return { type: 'sdk', name, instance }
}
