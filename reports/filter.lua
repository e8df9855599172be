-- One filter for both formats: numbers figures and tables, fills references to them, names image
-- files for the format, and turns statuses and wide tables into Typst.
local html = FORMAT:match("html") ~= nil
local typst = FORMAT:match("typst") ~= nil
local names = {}
local counts = { Figure = 0, Table = 0 }

local function number(kind, id)
  counts[kind] = counts[kind] + 1
  if id ~= "" then names[id] = kind .. " " .. counts[kind] end
  return kind .. "\u{a0}" .. counts[kind] .. "."
end

local function prefix(caption, text)
  local label = pandoc.Span({ pandoc.Str(text) }, pandoc.Attr("", { "number" }))
  local block = caption.long[1]
  if block then
    block.content:insert(1, pandoc.Space())
    block.content:insert(1, label)
  else
    caption.long = { pandoc.Plain({ label }) }
  end
end

-- Typst shares a line evenly among columns that do not fit, however long their words are. So each
-- column of a wide table gets what its longest word needs, or a third of its longest text if
-- that is no more than 30 letters.
local function share_width(tbl)
  local need, sum = {}, 0
  local function measure(rows)
    for _, row in ipairs(rows) do
      for j, cell in ipairs(row.cells) do
        local text = pandoc.utils.stringify(cell.contents)
        local longest = math.min(utf8.len(text) / 3, 30)
        for word in text:gmatch("%S+") do longest = math.max(longest, utf8.len(word)) end
        need[j] = math.max(need[j] or 2, longest + 1)
      end
    end
  end
  measure(tbl.head.rows)
  for _, body in ipairs(tbl.bodies) do measure(body.body) end
  for _, width in ipairs(need) do sum = sum + width end
  if sum < 70 then return end
  local place = 0
  tbl.colspecs = tbl.colspecs:map(function(spec)
    place = place + 1
    return { spec[1], need[place] / sum }
  end)
end

local function finish_table(tbl, div)
  tbl.attr = pandoc.Attr(div.identifier, div.classes)
  tbl.colspecs = tbl.colspecs:map(function(spec) return { spec[1], nil } end)
  local text = number("Table", div.identifier)
  if html then
    -- The caption stands outside of what scrolls sideways.
    prefix(tbl.caption, text)
    local caption = pandoc.Div(tbl.caption.long, pandoc.Attr("", { "caption" }))
    tbl.caption = { long = {} }
    tbl.attr = pandoc.Attr("", div.classes)
    local scroll = pandoc.Div({ tbl }, pandoc.Attr("", { "scroll" }))
    return pandoc.Div({ caption, scroll }, pandoc.Attr(div.identifier, { "tabular" }))
  end
  local rows = 0
  for _, body in ipairs(tbl.bodies) do rows = rows + #body.body end
  local rules = "#["
  if div.classes:includes("wide") then
    share_width(tbl)
    rules = rules .. "#set text(size: 6.6pt)\n#set table(inset: (x: 2.5pt, y: 3pt))\n"
  end
  if rows <= 20 then
    rules = rules .. "#show figure.where(kind: table): set block(breakable: false)\n"
  end
  return { pandoc.RawBlock("typst", rules), tbl, pandoc.RawBlock("typst", "]") }
end

-- What only one of the formats shows.
local choice = {
  Div = function(div)
    if div.classes:includes(typst and "web" or "print") then return {} end
    if div.classes:includes(typst and "print" or "web") then return div.content end
    -- Headings inside a division are missing from the contents of HTML.
    if not typst and div.classes:includes("proofs") then return div.content end
  end,
}

local first = {
  traverse = "topdown",
  Div = function(div)
    if div.classes:includes("table") then
      for _, block in ipairs(div.content) do
        if block.t == "Table" then return finish_table(block, div), false end
      end
    end
  end,
  Figure = function(figure)
    local text = number("Figure", figure.identifier)
    if html then prefix(figure.caption, text) end
    return figure
  end,
}

local anchors = {}
local function note(element)
  if element.identifier ~= "" then anchors[element.identifier] = true end
end
local collect = { Header = note, Div = note, Span = note, Figure = note, Table = note }

local second = {
  Link = function(link)
    local id = link.target:match("^#(.+)$")
    if not id then return nil end
    if #link.content == 0 then
      link.content = { pandoc.Str((names[id] or id):gsub(" ", "\u{a0}") .. "") }
    end
    -- A reference to what this report does not hold stays as words.
    return anchors[id] and link or link.content
  end,
  Math = function(math)
    if not typst then return nil end
    -- Typst's writer reads a negative space as an em and a sized norm as the word "parallel".
    math.text = math.text:gsub("\\!", ""):gsub("\\[bB]igg?[lrm]?%f[^%a]", "")
    return math
  end,
  Image = function(image)
    image.src = image.src .. (typst and ".pdf" or ".svg")
    return image
  end,
  Span = function(span)
    if typst and span.classes:includes("status") then
      return {
        pandoc.RawInline("typst", '#status("' .. span.classes[2] .. '")['),
        pandoc.Span(span.content),
        pandoc.RawInline("typst", "]"),
      }
    end
  end,
  Div = function(div)
    if typst and div.classes:includes("statements") then
      return { pandoc.RawBlock("typst", "#statements["), pandoc.Div(div.content), pandoc.RawBlock("typst", "]") }
    end
    if typst and div.classes:includes("listing") then
      return { pandoc.RawBlock("typst", "#listing["), pandoc.Div(div.content), pandoc.RawBlock("typst", "]") }
    end
    if typst and div.classes:includes("proofs") then
      return { pandoc.RawBlock("typst", "#proofs["), pandoc.Div(div.content), pandoc.RawBlock("typst", "]") }
    end
    if typst and div.classes:includes("abstract") then
      return { pandoc.RawBlock("typst", "#abstract["), pandoc.Div(div.content), pandoc.RawBlock("typst", "]") }
    end
  end,
}

return { choice, first, collect, second }
