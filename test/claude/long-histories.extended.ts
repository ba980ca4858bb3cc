// The combinations that long-histories.test.ts leaves out.
import './long-histories.test.ts'
