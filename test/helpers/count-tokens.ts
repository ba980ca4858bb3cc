// Counts tokens with the tokenizer of older Claude models, the only public one. Today's API counts more for newer
// models.
import { getTokenizer } from '@anthropic-ai/tokenizer'

const tokenizer = getTokenizer()

export const countTokens = (text: string): number => tokenizer.encode(text.normalize('NFKC'), 'all').length
