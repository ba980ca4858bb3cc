// The combinations that ai-sdk.test.ts leaves out.
import './ai-sdk.test.ts'
