// The tools that a client defines, as an MCP server inside this process: the model sees them as its own. They never run
// here; a call ends the turn first (claude/cli/plain-mode-options.ts).
import type { McpServerConfig } from '@anthropic-ai/claude-agent-sdk'
import type { ClientTool } from '../../core/conversation.ts'

/** Read-only tools are called in parallel, so that an answer with several calls arrives complete. */
const annotations = { readOnlyHint: true }

export async function toMcpServer(name: string, tools: readonly ClientTool[]): Promise<McpServerConfig> {
  const [{ McpServer }, { CallToolRequestSchema, ListToolsRequestSchema }] = await Promise.all([
    import('@modelcontextprotocol/sdk/server/mcp.js'),
    import('@modelcontextprotocol/sdk/types.js'),
  ])
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
