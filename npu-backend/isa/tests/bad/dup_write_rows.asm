# E_DUP_WRITE @0: rows of a load overlap by one byte
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.ld region=R2 n=[16,2,1,1] ds=[16,0,0] ls=[15,0,0] # fix: LDA.ld region=R2 n=[16,2,1,1] ds=[16,0,0] ls=[16,0,0]
VX.halt
