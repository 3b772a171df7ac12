# E_BOUNDS @0: the border of a padded box
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.ld region=R2 loc=0x1f00 n=[16,13,1,1] ds=[16,0,0] ls=[18,0,0] padmode=1 lo=[1,1,0] hi=[1,1,0] # fix: LDA.ld region=R2 loc=0x1ef0 n=[16,13,1,1] ds=[16,0,0] ls=[18,0,0] padmode=1 lo=[1,1,0] hi=[1,1,0]
VX.halt
