// Renders parsed Markdown as elements. Nothing becomes raw HTML: each type of token has its own element here, text
// stays text, links only lead to web pages or mail, and images are named but not loaded, because loading one could leak
// data to the author of its URL.
import type { ComponentChild, ComponentChildren } from 'preact'
import { memo } from 'preact/compat'
import type { MarkdownBlocks, Piece, Token } from '../lib/markdown-blocks.ts'
import { CodeBlock } from './code-block.tsx'

/** Tokens that open an element of the same name. */
const elements = new Set('p h1 h2 h3 h4 h5 h6 blockquote ul ol li strong em s table thead tbody tr th td'.split(' '))

/** Builds elements from a flat list of tokens. */
class TokenReader {
  #index = 0
  readonly #tokens: readonly Token[]

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  /** All elements up to the token that closes the open one. */
  children(): ComponentChild[] {
    const children: ComponentChild[] = []
    for (let token = this.#tokens[this.#index]; token !== undefined; token = this.#tokens[this.#index]) {
      this.#index++
      if (token.nesting === -1) break
      children.push(token.nesting === 1 ? this.#element(token) : leaf(token))
    }
    return children
  }

  #element(token: Token): ComponentChild {
    const children = this.children()
    if (token.hidden) return children
    if (token.type === 'link_open') return <Link href={String(token.attrGet('href') ?? '')}>{children}</Link>
    if (!elements.has(token.tag)) return children
    const Tag = token.tag as 'p'
    const start = token.tag === 'ol' ? token.attrGet('start') : null
    const align = /^text-align:(center|right)$/.exec(String(token.attrGet('style')))?.[1]
    const element = (
      <Tag {...(start === null ? {} : { start: Number(start) })} {...(align === undefined ? {} : { class: align })}>
        {children}
      </Tag>
    )
    // A wide table scrolls by itself; the page does not.
    return token.tag === 'table' ? <div class="wide">{element}</div> : element
  }
}

function leaf(token: Token): ComponentChild {
  switch (token.type) {
    case 'inline':
      return new TokenReader(token.children ?? []).children()
    case 'text':
      return token.content
    case 'softbreak':
      return '\n'
    case 'hardbreak':
      return <br />
    case 'hr':
      return <hr />
    case 'code_inline':
      return <code>{token.content}</code>
    case 'fence':
    case 'code_block':
      return <CodeBlock text={token.content} language={token.info.trim().split(/\s/)[0] ?? ''} />
    case 'image': {
      const text = `image: ${token.content || 'unnamed'}`
      return <Link href={String(token.attrGet('src') ?? '')}>{text}</Link>
    }
    default:
      return token.content
  }
}

/** A link if it leads to a web page or to mail; otherwise just its text. */
function Link({ href, children }: { href: string; children: ComponentChildren }) {
  if (!/^(https?:\/\/|mailto:)/i.test(href)) return <span>{children}</span>
  return (
    <a href={href} title={href} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  )
}

const PieceView = memo(({ piece }: { piece: Piece }) => (
  <div class="piece">
    {piece.plain === null ? new TokenReader(piece.tokens).children() : <p class="plain">{piece.plain}</p>}
  </div>
))

export function Markdown({ blocks }: { blocks: MarkdownBlocks }) {
  // Subscribes to the version: renders again whenever it changes.
  void blocks.version.value
  return (
    <div class="markdown">
      {blocks.pieces.map((piece, index) => (
        // A piece never changes its position.
        <PieceView key={index} piece={piece} />
      ))}
      <PieceView key="last" piece={blocks.last} />
    </div>
  )
}
