// The combinations that token-estimate.test.ts leaves out.
import './token-estimate.test.ts'
